"""Calls that no layer expresses: notes that describe them, and stand-in layers."""

from __future__ import annotations

import math

from ganspec.importing.entries import Data, Entry, run_of, walk
from ganspec.importing.graph import ModuleCall, RecordedCall, RecordedGraph, Shape


def marked(graph: RecordedGraph, entries: list[Entry], start: int) -> list[Entry]:
    """Return `entries` with a note on each one without a kind, and a stand-in for its shape."""
    _take_scopes(graph, entries)
    result: list[Entry] = []
    before = start
    for entry in _merged(graph, entries):
        for part in entry.inner():
            part[:] = marked(graph, part, before)
        result.append(entry)
        if entry.kind is None:
            shapes = graph.shapes[before], graph.shapes[entry.output]
            entry.note = f"not expressed: {described(graph, entry.calls)} ({shown(*shapes)})"
            result += _label(entry, *shapes) or stand_ins(*shapes)
        before = entry.output if entry.output >= 0 else before
    if result and all(entry.kind is None for entry in result):  # lists must not be empty
        result.append(Entry("identity", note="a stand-in"))
    return result


def _merged(graph: RecordedGraph, entries: list[Entry]) -> list[Entry]:
    """Join adjacent entries without a kind if the value between them is neither vector nor map."""
    merged: list[Entry] = []
    for entry in entries:
        last = merged[-1] if merged and entry.kind is None and merged[-1].kind is None else None
        if last and len(graph.shapes[last.output]) not in (1, 3):
            merged.pop()
            entry = Entry(None, {}, [*last.calls, *entry.calls], output=entry.output)
        merged.append(entry)
    return merged


def _take_scopes(graph: RecordedGraph, entries: list[Entry]) -> None:
    """Merge the entries of a user's module that keeps the shape, if an entry has no kind."""
    for number, scope in enumerate(graph.scopes):
        if not scope.outer or len(scope.inputs) != 1 or len(scope.outputs) != 1:
            continue
        if graph.shapes[scope.inputs[0]] != graph.shapes[scope.outputs[0]]:
            continue
        calls = graph.within(number)
        run = run_of(entries, set(calls))
        if run and run[0] in entries and any(entry.kind is None for entry in walk(run)):
            at = entries.index(run[0])
            entries[at : at + len(run)] = [Entry(None, {}, calls, output=run[-1].output)]


def described(graph: RecordedGraph, calls: list[RecordedCall]) -> str:
    """Describe the calls and the user's module around them in a few words."""
    scope = scope_of(graph, calls)
    where = f"{type(scope.module).__name__} at `{scope.path}`, " if scope else ""
    names = [call.name if call.name != "reshaped" else "reshape" for call in calls]
    few = names if len(names) <= 6 else [*names[:5], "..."]
    return f"{where}{', '.join(few)}"


def scope_of(graph: RecordedGraph, calls: list[RecordedCall]) -> ModuleCall | None:
    """Return the innermost user's module around all calls; None if that is the whole network."""
    shared = set.intersection(*(set(call.scopes) for call in calls)) if calls else set()
    inner = max((graph.scopes[n] for n in shared), key=lambda s: len(s.outer), default=None)
    return inner if inner and inner.path else None


def shown(before: Shape, after: Shape) -> str:
    """Return a change of shape as text, such as `4 x 8 x 8 -> 16`."""
    one, two = (" x ".join(map(str, shape)) or "1" for shape in (before, after))
    return one if one == two else f"{one} -> {two}"


def _label(entry: Entry, before: Shape, after: Shape) -> list[Entry]:
    """Return a layer of the nearest condition if the code concatenates an embedding; else []."""
    more = after[0] - before[0] if len(before) == len(after) else 0
    if (entry.calls[0].name, entry.calls[-1].name) != ("Embedding", "cat") or more <= 0:
        return []
    condition: Data
    if len(after) == 1:
        condition, note = {"embedding": more}, "a stand-in: the code puts the label first"
    elif before[1:] == after[1:] and more == 1:
        condition, note = "channel", "a stand-in: the code has an embedding without a bias"
    else:
        return []
    return [Entry("join_label", {"condition": condition}, note=note)]


# -- stand-ins --------------------------------------------------------------------------------


def stand_ins(before: Shape, after: Shape) -> list[Entry]:
    """Return layers from the shape `before` to `after`, so that later layers keep their shapes.

    [] if the shapes are equal, or `after` is neither a vector's nor a map's.
    """
    if before == after or len(after) not in (1, 3):
        return []
    if math.prod(before) == math.prod(after):
        layers = [Entry("reshape", {"shape": list(after)}) if after[1:] else Entry("flatten")]
    elif len(before) == len(after) == 3:
        layers = _sized(before[1:], after[1:])
        if before[0] != after[0]:
            layers.append(Entry("conv", {"out": after[0], "kernel": 1}))
    else:
        layers = [Entry("flatten")] if len(before) != 1 else []
        to_map = Entry("project", {"shape": list(after)})
        layers.append(to_map if after[1:] else Entry("linear", {"out": after[0]}))
    for layer in layers:
        layer.note = "a stand-in of the same output shape"
    return layers


def _sized(before: Shape, after: Shape) -> list[Entry]:
    """Return layers that resize a map: one pool, upsampling or padding, else padding and a pool."""
    if before == after:
        return []
    sides = list(zip(before, after, strict=True))
    down = {b // a if b % a == 0 else 0 for b, a in sides}
    up = {a // b if a % b == 0 else 0 for b, a in sides}
    more = {a - b for b, a in sides}
    options = [("avg_pool", "kernel", down), ("upsample", "factor", up)]
    if len(more) == 1 and (by := min(more)) > 0 and by % 2 == 0:
        options.insert(0, ("pad", "size", {by // 2}))
    for kind, field, factors in options:
        if len(factors) == 1 and 0 not in factors:
            return [Entry(kind, {field: factors.pop()})]
    padding = max(0, (max(more) + 1) // 2)
    window = [b + 2 * padding - a + 1 for b, a in sides]
    kernel = window[0] if len(set(window)) == 1 else window
    pads = [Entry("pad", {"size": padding})] if padding else []
    return [*pads, Entry("avg_pool", {"kernel": kernel, "stride": 1})]
