"""Folding of repeated layers, whose changing numbers need at most two names, into `repeat`."""

from __future__ import annotations

from collections.abc import Iterator

from ganspec.importing.differing import outline, template
from ganspec.importing.entries import Data, Entry
from ganspec.importing.guesses import layer_kinds, samples
from ganspec.kinds.layer import Weighted
from ganspec.language.kinds import cached_by_kinds
from ganspec.language.unread import UNREAD

Pattern = tuple[int, int, list[list[Entry]]]  # gain, number of layers before it, rounds

LONGEST_PERIOD = 6  # most layers of a round; also how many of the next layers may begin a pattern
NAMES = {"out": "c"}  # names of changing numbers by field; by default, the name is the field


def repeated(entries: list[Entry]) -> list[Entry]:
    """Return `entries` with repeated layers folded into layers `repeat`.

    Of the patterns that begin at one of the next layers, that with the largest gain is folded if
    the gain is at least 3, and the search goes on after it. Otherwise, it goes on after one layer.
    """
    folded: list[Entry] = []
    while entries:
        patterns = list(_patterns(entries))
        gain, start, rounds = max(patterns, key=_rank, default=(0, 0, []))
        if gain < 3:
            folded.append(entries[0])
            entries = entries[1:]
            continue
        repeat = template(rounds, NAMES)
        named: dict[str, Data] = {"with": repeat.params} if repeat.params else {}
        times = named or {"times": len(rounds)}
        folded += [*entries[:start], Entry("repeat", {**times, "layers": repeat.layers})]
        entries = entries[start + sum(map(len, rounds)) :]
    return folded


def _rank(pattern: Pattern) -> tuple[int, int, int]:
    gain, start, rounds = pattern
    return gain, -start, -len(rounds[0])


def _patterns(entries: list[Entry]) -> Iterator[Pattern]:
    """Yield the patterns that begin at one of the first LONGEST_PERIOD entries.

    Their first layer is a call of a block or of a kind in `beginnings()`. The gain of a pattern is
    the number of layers after its first round, less two if it needs two names, and less one if a
    round has more than four layers.
    """
    for start, entry in enumerate(entries[:LONGEST_PERIOD]):
        if entry.kind in layer_kinds() and entry.kind not in beginnings():
            continue
        for size in range(1, LONGEST_PERIOD + 1):
            rounds = _rounds(entries[start:], size)
            names = len(template(rounds, NAMES).params)
            gain = (len(rounds) - 1) * size - 2 * max(names - 1, 0) - (size > 4)
            yield gain, start, rounds


@cached_by_kinds("layer")
def beginnings() -> set[str]:
    """Return the kinds that can begin a round: those with weights or another output shape."""
    resizing = {s.kind.kind for s in samples() if s.net.output.shape != s.net.inputs[0].value.shape}
    return resizing | {name for name, kind in layer_kinds().items() if issubclass(kind, Weighted)}


def _rounds(entries: list[Entry], size: int) -> list[list[Entry]]:
    """Return the rounds of `size` layers with which `entries` begin, at least the first.

    The rounds differ only in whole numbers, for which a `template` has at most two names.
    """
    rounds = [entries[:size]]
    if not all(map(_is_simple, rounds[0])):
        return rounds
    pattern = outline(rounds[0])
    for start in range(size, len(entries) - size + 1, size):
        following = entries[start : start + size]
        if outline(following) != pattern:
            break
        if len(template([*rounds, following], NAMES).params) > 2:
            break
        rounds.append(following)
    return rounds


def _is_simple(entry: Entry) -> bool:
    """Return True if a layer is not `unknown` and has no note, `as`, `from` or nested layers."""
    if entry.kind == UNREAD or entry.note or {"as", "from"} & set(entry.fields):
        return False
    return not any(entry.inner())
