"""Repeats: layers that come several times in a row, but for a number."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ganspec.importing.differing import outline, template
from ganspec.importing.entries import Data, Entry
from ganspec.importing.guesses import layer_kinds, samples
from ganspec.kinds.layer import Weighted
from ganspec.language.kinds import cached_by_kinds

LONGEST_PERIOD = 6
NAMES = {"out": "c"}  # usual name of a repeat for the numbers of a field


@dataclass(frozen=True, order=True)
class Pattern:
    """Layers that come several times in a row; the greatest is the best to fold."""

    gain: int  # lines saved, less what more than one name costs a reader
    before: int  # minus the layers before it that stay outside
    size: int  # minus the layers of one round
    count: int


def repeated(entries: list[Entry]) -> list[Entry]:
    """Return `entries` with the longest patterns folded into `repeat`."""
    at, folded = 0, []
    while at < len(entries):
        best = max(_patterns(entries, at), default=None)
        if best is None or best.gain < 3:
            folded.append(entries[at])
            at += 1
            continue
        start, size = at - best.before, -best.size
        rounds = _rounds(entries, start, size)
        repeat = template(rounds, NAMES)
        times: dict[str, Data] = {"with": repeat.params} if repeat.params else {"times": best.count}
        folded += entries[at:start]
        folded.append(Entry("repeat", {**times, "layers": repeat.layers}))
        at = start + best.count * size
    return folded


def _patterns(entries: list[Entry], at: int) -> Iterator[Pattern]:
    """Yield patterns that begin at or soon after `at`, with a layer that a round begins with."""
    for start in range(at, min(at + LONGEST_PERIOD, len(entries))):
        if entries[start].kind not in beginnings() and entries[start].kind in layer_kinds():
            continue
        for size in range(1, LONGEST_PERIOD + 1):
            rounds = _rounds(entries, start, size)
            names = len(template(rounds, NAMES).params)
            gain = (len(rounds) - 1) * size - 2 * max(names - 1, 0) - (size > 4)
            yield Pattern(gain, at - start, -size, len(rounds))


@cached_by_kinds("layer")
def beginnings() -> set[str]:
    """Return the kinds that a person would begin a round with: with weights, or resizing."""
    resizing = {s.kind.kind for s in samples() if s.net.output.shape != s.net.inputs[0].value.shape}
    return resizing | {name for name, kind in layer_kinds().items() if issubclass(kind, Weighted)}


def _rounds(entries: list[Entry], at: int, size: int) -> list[list[Entry]]:
    """Return the rounds of `size` layers from `at` on that differ in two numbers at most."""
    rounds = [entries[at : at + size]]
    if not all(map(_is_simple, rounds[0])):
        return rounds
    pattern = outline(rounds[0])
    while True:
        start = at + len(rounds) * size
        following = entries[start : start + size]
        if len(following) < size or outline(following) != pattern:
            return rounds
        if len(template([*rounds, following], NAMES).params) > 2:
            return rounds
        rounds.append(following)


def _is_simple(entry: Entry) -> bool:
    if entry.kind is None or entry.note or {"as", "from"} & set(entry.fields):
        return False
    return not any(entry.inner())
