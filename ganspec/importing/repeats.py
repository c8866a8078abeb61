"""Repeats: layers that come several times in a row, but for a number."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ganspec.importing.differing import blank, parameters, places, renamed
from ganspec.importing.entries import Entry
from ganspec.importing.guesses import made
from ganspec.importing.likeness import lowered
from ganspec.kinds.layer import Weighted
from ganspec.language.kinds import Kind, cached_by_kinds, kinds_of
from ganspec.program.ir import start_input

LONGEST_PERIOD = 6
NAMES = {"out": "c"}  # what a repeat calls a field


@dataclass(frozen=True, order=True)
class Pattern:
    """Layers that come several times in a row; the greatest is the best to fold."""

    gain: int  # lines saved, less what more than one name costs a reader
    before: int  # minus the layers before it that stay outside
    size: int  # minus the layers of one round
    count: int


def repeated(entries: list[Entry]) -> list[Entry]:
    """`entries` with the longest patterns folded into `repeat`."""
    at, found = 0, []
    while at < len(entries):
        best = max(_patterns(entries, at), default=None)
        if best is None or best.gain < 3:
            found.append(entries[at])
            at += 1
            continue
        start, size = at - best.before, -best.size
        found += [*entries[at:start], _repeat(entries, start, size, best.count)]
        at = start + best.count * size
    return found


def _patterns(entries: list[Entry], at: int) -> Iterator[Pattern]:
    """Patterns that begin at or soon after `at`, with a layer that makes something new."""
    for start in range(at, min(at + LONGEST_PERIOD, len(entries))):
        if entries[start].kind not in beginnings() and entries[start].kind in kinds_of("layer"):
            continue
        for size in range(1, LONGEST_PERIOD + 1):
            count = _rounds(entries, start, size)
            calls = [entries[start + i * size :][:size] for i in range(count)]
            names = len(parameters(calls, NAMES))
            gain = (count - 1) * size - 2 * max(names - 1, 0) - (size > 4)
            yield Pattern(gain, at - start, -size, count)


@cached_by_kinds("layer")
def beginnings() -> set[str]:
    """Kinds that a person would begin a round with: those with weights, and those that resize."""
    found = set()
    for name, kind in kinds_of("layer").items():
        shapes = [_resizes(kind, fields, shape) for fields, shape in kind.examples]
        if issubclass(kind, Weighted) or any(shapes):
            found.add(name)
    return found


def _resizes(kind: type[Kind], fields: dict | None, shape: tuple[int, ...]) -> bool:
    layer = made(kind, fields or {})
    net = layer and lowered(layer, start_input(shape).value, None)
    return net is not None and net.output.shape != shape


def _rounds(entries: list[Entry], at: int, period: int) -> int:
    """How often the pattern of `period` entries at `at` comes in a row."""
    pattern, count = blank(entries[at : at + period]), 1
    if not all(_is_simple(e) for e in entries[at : at + period]):
        return 1
    while True:
        start = at + count * period
        part = entries[start : start + period]
        if len(part) < period or blank(part) != pattern:
            return count
        calls = [entries[at + i * period :][:period] for i in range(count + 1)]
        if len(parameters(calls, NAMES)) > 2:
            return count
        count += 1


def _is_simple(entry: Entry) -> bool:
    if entry.kind is None or entry.note or {"as", "from"} & set(entry.fields):
        return False
    return not any(True for _ in entry.inner())


def _repeat(entries: list[Entry], at: int, period: int, count: int) -> Entry:
    calls = [entries[at + i * period :][:period] for i in range(count)]
    values = parameters(calls, NAMES)
    layers = renamed(calls[0], places(calls, NAMES))
    fields = {"with": values} if values else {"times": count}
    ops = [op for call in calls for entry in call for op in entry.all_ops()]
    last = calls[-1][-1].output
    return Entry("repeat", {**fields, "layers": layers}, ops, output=last)
