"""Conversion of calls that no layer expresses to layers `unknown` with outputs of equal shapes."""

from __future__ import annotations

import math

from ganspec.importing.entries import Data, Entry, layers_of, walk
from ganspec.importing.graph import ModuleCall, RecordedCall, RecordedGraph, Shape, sized
from ganspec.language.unread import GUESS, UNREAD


def marked(graph: RecordedGraph, entries: list[Entry], start: int) -> list[Entry]:
    """Return `entries`, which may change, with layers `unknown` in place of those without a kind.

    `start` is the value that the first layer reads.
    """
    _merge_modules(graph, entries)
    before = start
    for entry in (merged := _merged(graph, entries)):
        for part in entry.inner():
            part[:] = marked(graph, part, before)
        if entry.kind is None:
            shapes = graph.shapes[before], graph.shapes[entry.output]
            unread(entry, f"{described(graph, entry.calls)} ({shown(*shapes)})", *shapes)
        before = entry.output if entry.output >= 0 else before
    return merged


def unknown(seen: str, guess: Data = None) -> Data:
    """Return the map `{unknown: seen}`, which a spec has in place of a part that was not read.

    It has a `guess`, too, if that is not None: a value that fits the shapes and counts around it.
    """
    return {UNREAD: seen} if guess is None else {UNREAD: seen, GUESS: guess}


def unread(entry: Entry, seen: str, before: Shape, after: Shape) -> Entry:
    """Turn `entry` into a layer `unknown` that makes the shape `after` of `before`; return it.

    If `after` is the shape of neither a vector nor a map, the layer makes a vector of as many
    numbers. `seen` describes the part of the code or table that it stands for.
    """
    own: dict[str, Data] = {"seen": seen[:300]}
    if before != after:
        own["shape"] = list(after) if len(after) in (1, 3) else [math.prod(after)]
    entry.kind, entry.fields = UNREAD, {**own, **entry.fields}
    return entry


def _merged(graph: RecordedGraph, entries: list[Entry]) -> list[Entry]:
    """Return `entries`, with some neighbours that have no kind merged into one.

    They are merged if the value between them is neither a vector nor a feature map, because no
    layer of a spec makes or reads another shape.
    """
    merged: list[Entry] = []
    for entry in entries:
        last = merged[-1] if merged and entry.kind is None and merged[-1].kind is None else None
        if last and len(graph.shapes[last.output]) not in (1, 3):
            merged.pop()
            fields = {**last.fields, **entry.fields}
            entry = Entry(None, fields, [*last.calls, *entry.calls], output=entry.output)
        merged.append(entry)
    return merged


def _merge_modules(graph: RecordedGraph, entries: list[Entry]) -> None:
    """Replace the layers of a user's module by one without a kind if one of them has no kind.

    `entries` is changed, but not lists inside its layers. Only modules with one input and one
    output of equal shapes are replaced.
    """
    if all(entry.kind is not None for entry in walk(entries)):
        return
    for number, scope in enumerate(graph.scopes):
        if not scope.outer or len(scope.inputs) != 1 or len(scope.outputs) != 1:
            continue
        if graph.shapes[scope.inputs[0]] != graph.shapes[scope.outputs[0]]:
            continue
        calls = graph.within(number)
        layers = layers_of(entries, set(calls))
        if layers and layers[0] in entries and any(entry.kind is None for entry in walk(layers)):
            at = entries.index(layers[0])
            entries[at : at + len(layers)] = [Entry(None, {}, calls, output=layers[-1].output)]


def described(graph: RecordedGraph, calls: list[RecordedCall]) -> str:
    """Return a text about calls, such as "Block at `down.0`, conv2d, sigmoid".

    It begins with the innermost user's module around them, unless that is only the network. It
    names all calls, or five of more than six.
    """
    scope = scope_of(graph, calls)
    where = f"{type(scope.module).__name__} at `{scope.path}`, " if scope else ""
    names = [call.name if call.name != "reshaped" else "reshape" for call in calls]
    few = names if len(names) <= 6 else [*names[:5], "..."]
    return f"{where}{', '.join(few)}"


def scope_of(graph: RecordedGraph, calls: list[RecordedCall]) -> ModuleCall | None:
    """Return the innermost user's module around all calls; None if that is only the network."""
    shared = set.intersection(*(set(call.scopes) for call in calls)) if calls else set()
    inner = max((graph.scopes[n] for n in shared), key=lambda s: len(s.outer), default=None)
    return inner if inner and inner.path else None


def shown(before: Shape, after: Shape) -> str:
    """Return two shapes as text, such as `4 x 8 x 8 -> 16`, or one if they are equal."""
    return sized(before) if before == after else f"{sized(before)} -> {sized(after)}"
