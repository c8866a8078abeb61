"""Alignment of two sequences of layers with as few edits as possible.

A pair of equal layers costs nothing. A pair of different layers costs one edit, and is allowed only
if both have the same role. An unpaired layer costs one edit, too. This is the edit distance of
Wagner & Fischer (1974). Of several alignments with the least cost, the one with the most similar
pairs is chosen.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from operator import itemgetter
from typing import TypeAlias

from ganspec.comparison.calls import CallKeys, calls
from ganspec.comparison.programs import Leaf

# the most that dissimilarity adds to the cost of a pair, in edits. In 2,000 pairs this is less than
# one edit, so dissimilarity decides only among alignments with equally many edits.
TIE = 1e-4
Pair: TypeAlias = tuple[tuple[Leaf, ...], tuple[Leaf, ...]]
Same: TypeAlias = Callable[[Leaf, Leaf], bool]


def align(a: Sequence[Leaf], b: Sequence[Leaf], same: Same) -> list[Pair]:
    """Return the layers of `a` and `b` in pairs, in order; `()` stands for a missing partner.

    `same` returns True for two equal layers. Two adjacent layers can be paired with a single one
    that makes the same calls: `linear` and `reshape` with `project`. Of adjacent unpaired layers,
    those of `a` come first.
    """
    if _order(b) < _order(a):  # `align(b, a)` must give the same pairs, mirrored
        pairs = align(b, a, lambda left, right: same(right, left))
        return _removals_first([(right, left) for left, right in pairs])
    start = 0
    while start < min(len(a), len(b)) and same(a[start], b[start]):
        start += 1
    end = 0
    while end < min(len(a), len(b)) - start and same(a[-1 - end], b[-1 - end]):
        end += 1
    rest_a, rest_b = (
        _Rest(leaves[start : len(leaves) - end], _doubles(leaves)[start : len(leaves) - end])
        for leaves in (a, b)
    )
    head = [((x,), (y,)) for x, y in zip(a[:start], b[:start], strict=True)]
    tail = [((x,), (y,)) for x, y in zip(a[len(a) - end :], b[len(b) - end :], strict=True)]
    return _removals_first([*head, *_cheapest(rest_a, rest_b, same), *tail])


def _order(leaves: Sequence[Leaf]) -> str:
    """Return a sort key of a network, which depends on its layers alone."""
    return repr([(leaf.calls, sorted(leaf.fields.items()), leaf.norm) for leaf in leaves])


@dataclass(frozen=True)
class _Rest:
    """The layers that remain of a network once equal layers are paired at both of its ends.

    `doubles` has an entry of `_doubles` for each of them.
    """

    leaves: Sequence[Leaf]
    doubles: Sequence[CallKeys | None]

    def merges(self, at: int, other: Leaf) -> bool:
        """Return True if the layers with indices `at` and `at + 1` make the calls of `other`."""
        return at + 1 < len(self.leaves) and self.doubles[at] == other.calls


def _cheapest(a: _Rest, b: _Rest, same: Same) -> list[Pair]:
    """Return the pairs with the least cost, by dynamic programming from the last layers."""
    n, m = len(a.leaves), len(b.leaves)
    costs = [[0.0] * (m + 1) for _ in range(n + 1)]
    steps = [[(0, 0)] * (m + 1) for _ in range(n + 1)]
    for i in range(n, -1, -1):
        for j in range(m, -1, -1):
            ways = []
            if i < n and j < m:
                cost = _cost(a.leaves[i], b.leaves[j], same)
                ways += [(costs[i + 1][j + 1] + cost, (1, 1))] if cost is not None else []
                ways += [(costs[i + 2][j + 1], (2, 1))] if a.merges(i, b.leaves[j]) else []
                ways += [(costs[i + 1][j + 2], (1, 2))] if b.merges(j, a.leaves[i]) else []
            ways += [(costs[i + 1][j] + 1, (1, 0))] if i < n else []
            ways += [(costs[i][j + 1] + 1, (0, 1))] if j < m else []
            if ways:  # `min` takes the first of equally cheap ways: a pair, if there is one
                costs[i][j], steps[i][j] = min(ways, key=itemgetter(0))
    pairs: list[Pair] = []
    i, j = 0, 0
    while (i, j) != (n, m):
        left, right = steps[i][j]
        pairs.append((tuple(a.leaves[i : i + left]), tuple(b.leaves[j : j + right])))
        i, j = i + left, j + right
    return pairs


def _cost(a: Leaf, b: Leaf, same: Same) -> float | None:
    """Return the cost of pairing two layers, in edits; None if they cannot be paired."""
    if same(a, b):
        return TIE * _distance(a, b) / 2
    if a.role != b.role:
        return None
    if a.layer.kind != b.layer.kind:
        return 1 + TIE
    names = {*a.fields, *b.fields}
    different = sum(a.fields.get(name) != b.fields.get(name) for name in names)
    return 1 + TIE * (different / max(1, len(names)) + _distance(a, b)) / 2


def _distance(a: Leaf, b: Leaf) -> float:
    """Return 1/2 if the innermost blocks or branches differ, plus 1/2 if the output sizes do.

    A size is a height and a width; the number of channels does not count.
    """
    other_branch = a.layer.inside[-1:] != b.layer.inside[-1:]
    return (other_branch + (a.layer.shape[1:] != b.layer.shape[1:])) / 2


def _doubles(leaves: Sequence[Leaf]) -> list[CallKeys | None]:
    """Return, for each layer, the calls that it and the next layer make together, or None.

    It is None unless the next layer reads only this one, and is the only one that reads it.
    """
    readers = Counter(number for leaf in leaves for number in leaf.layer.reads)
    doubles: list[CallKeys | None] = [None] * len(leaves)
    for i, (first, second) in enumerate(pairwise(leaves)):
        follows = second.layer.reads == (first.layer.number,)
        if follows and readers[first.layer.number] == 1 and second.steps:
            doubles[i] = calls([*first.steps, *second.steps])
    return doubles


def _removals_first(pairs: list[Pair]) -> list[Pair]:
    """Return the pairs; of adjacent unpaired layers, those of the first network come first."""
    return [
        pair
        for _, group in groupby(pairs, key=all)
        for pair in sorted(group, key=lambda pair: not pair[0])
    ]
