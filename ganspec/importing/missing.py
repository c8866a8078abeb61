"""Calls that no layer expresses: what is said of them, and what stands in their place."""

from __future__ import annotations

import math

from ganspec.importing.blocks import run_of
from ganspec.importing.entries import Entry
from ganspec.importing.graph import Graph
from ganspec.importing.recording import ModuleCall, Op

Shape = tuple[int, ...]


def marked(graph: Graph, entries: list[Entry], start: int) -> list[Entry]:
    """`entries` in which what is missing says so, with stand-ins that make the same shape."""
    _take_scopes(graph, entries)
    found: list[Entry] = []
    before = start
    for entry in _merged(graph, entries):
        for part in entry.inner():
            part[:] = marked(graph, part, before)
        if entry.kind is None:
            shapes = graph.shapes[before], graph.shapes[entry.output]
            entry.note = f"not expressed: {described(graph, entry.ops)} ({shown(*shapes)})"
            found += [entry, *(_label(entry, *shapes) or stand_ins(*shapes))]
        else:
            found.append(entry)
        before = entry.output if entry.output >= 0 else before
    if found and all(entry.kind is None for entry in found):  # a list holds one layer at least
        found.append(Entry("identity", {}, note="a stand-in"))
    return found


def _merged(graph: Graph, entries: list[Entry]) -> list[Entry]:
    """Missing entries in a row as one, where no value between them is a vector or a map."""
    found: list[Entry] = []
    for entry in entries:
        last = found[-1] if found and entry.kind is None and found[-1].kind is None else None
        if last and len(graph.shapes[last.output]) not in (1, 3):
            found.pop()
            entry = Entry(None, {}, [*last.ops, *entry.ops], output=entry.output)
        found.append(entry)
    return found


def _take_scopes(graph: Graph, entries: list[Entry]) -> None:
    """A small module of the user's with something missing inside is missing as a whole."""
    for number, scope in enumerate(graph.scopes):
        if not scope.outer or len(scope.inputs) != 1 or len(scope.outputs) != 1:
            continue
        same = graph.shapes[scope.inputs[0]] == graph.shapes[scope.outputs[0]]
        ops = {op for op in graph.ops if number in op.scopes}
        run = run_of(entries, ops) if same else None
        if run and any(e.kind is None for top in run for e in top.walk()):
            ordered = [op for op in graph.ops if op in ops]
            whole = Entry(None, {}, ordered, output=run[-1].output)
            at = entries.index(run[0]) if run[0] in entries else None
            if at is not None:
                entries[at : at + len(run)] = [whole]


def described(graph: Graph, ops: list[Op]) -> str:
    """What the code calls there, in a few words."""
    scope = scope_of(graph, ops)
    where = f"{type(scope.module).__name__} at `{scope.path}`, " if scope else ""
    names = [op.name if op.name != "reshaped" else "reshape" for op in ops]
    few = names if len(names) <= 6 else [*names[:5], "..."]
    return f"{where}{', '.join(few)}"


def scope_of(graph: Graph, ops: list[Op]) -> ModuleCall | None:
    """The innermost module of the user's that makes all the calls; None for the network itself."""
    scopes = set(ops[0].scopes).intersection(*(op.scopes for op in ops[1:])) if ops else set()
    inner = max(scopes, key=lambda n: len(graph.scopes[n].outer), default=None)
    return graph.scopes[inner] if inner is not None and graph.scopes[inner].path else None


def shown(before: Shape, after: Shape) -> str:
    one, two = (" x ".join(map(str, shape)) or "1" for shape in (before, after))
    return one if one == two else f"{one} -> {two}"


def _label(entry: Entry, before: Shape, after: Shape) -> list[Entry]:
    """For an embedding that no condition is, the nearest one: behind a vector, as a channel."""
    first, *_, last = (op.name for op in [*entry.ops, *entry.ops])
    more = after[0] - before[0] if len(before) == len(after) else 0
    if (first, last) != ("Embedding", "cat") or more <= 0:
        return []
    if len(after) == 1:
        condition, note = {"embedding": more}, "a stand-in: the code has the label in front"
    elif before[1:] == after[1:] and more == 1:
        condition, note = "channel", "a stand-in: the code has an embedding without a bias"
    else:
        return []
    return [Entry("join_label", {"condition": condition}, note=note, primary="condition")]


def stand_ins(before: Shape, after: Shape) -> list[Entry]:
    """Layers that make `after` of `before`, so that the layers behind still have their shapes."""
    if before == after or len(after) not in (1, 3):
        return []
    if math.prod(before) == math.prod(after):
        found = [_reshape(after)]
    elif len(before) == len(after) == 3:
        found = _resized(before, after)
    else:
        found = [] if len(before) == 1 else [Entry("flatten", {})]
        kind, field, value = ("linear", "out", after[0])
        if len(after) == 3:
            kind, field, value = ("project", "shape", list(after))
        found.append(Entry(kind, {field: value}, primary=field))
    for entry in found:
        entry.note = "a stand-in for its shape"
    return found


def _reshape(after: Shape) -> Entry:
    if len(after) == 1:
        return Entry("flatten", {})
    return Entry("reshape", {"shape": list(after)}, primary="shape")


def _resized(before: Shape, after: Shape) -> list[Entry]:
    """A map's way to another size and other channels with as few layers as there can be."""
    found = _sized(before[1:], after[1:])
    if before[0] != after[0]:
        found.append(Entry("conv", {"out": after[0], "kernel": 1}, primary="out"))
    return found


def _sized(before: Shape, after: Shape) -> list[Entry]:
    """A pool, upsampling or padding where one does; else padding and windows that overlap."""
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
            return [Entry(kind, {field: factors.pop()}, primary=field)]
    padding = max(0, (max(more) + 1) // 2)
    window = [b + 2 * padding - a + 1 for b, a in sides]
    kernel = window[0] if len(set(window)) == 1 else window
    found = [Entry("pad", {"size": padding}, primary="size")] if padding else []
    return [*found, Entry("avg_pool", {"kernel": kernel, "stride": 1}, primary="kernel")]
