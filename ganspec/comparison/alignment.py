"""Two sequences of layers, aligned with as few edits as there can be.

A pair of layers of one role costs nothing where they are the same and one edit where they are not;
an unpaired layer costs one edit. This is the edit distance of Wagner & Fischer (1974); the pairs
that are the same are a longest common subsequence wherever no update spares an edit. Among equal
distances pairs win that have more in common.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from itertools import pairwise
from operator import itemgetter

from ganspec.comparison.calls import calls
from ganspec.comparison.programs import Leaf

TIE = 1e-4  # weight of what only decides between equal distances; of 2,000 layers still below 1
Pair = tuple[tuple[Leaf, ...], tuple[Leaf, ...]]


def align(a: Sequence[Leaf], b: Sequence[Leaf], same: Callable[[Leaf, Leaf], bool]) -> list[Pair]:
    """The layers of `a` and `b` in pairs, in order; one half is empty where a layer stands alone.

    Two layers in a row are paired with one whose calls are theirs: `linear`, `reshape` with
    `project`. In a gap what `a` alone has comes first.
    """
    if _order(b) < _order(a):  # one of two equal alignments, whichever way round it is asked for
        pairs = align(b, a, lambda left, right: same(right, left))
        return _removals_first([(right, left) for left, right in pairs])
    start = 0
    while start < min(len(a), len(b)) and same(a[start], b[start]):
        start += 1
    end = 0
    while end < min(len(a), len(b)) - start and same(a[-1 - end], b[-1 - end]):
        end += 1
    doubles = [_doubles(leaves)[start : len(leaves) - end] for leaves in (a, b)]
    middle = _distances(a[start : len(a) - end], b[start : len(b) - end], same, *doubles)
    head = [((x,), (y,)) for x, y in zip(a[:start], b[:start], strict=True)]
    tail = [((x,), (y,)) for x, y in zip(a[len(a) - end :], b[len(b) - end :], strict=True)]
    return _removals_first([*head, *middle, *tail])


def _order(leaves: Sequence[Leaf]) -> str:
    return repr([(leaf.calls, sorted(leaf.said.items()), leaf.norm) for leaf in leaves])


def _distances(
    a: Sequence[Leaf], b: Sequence[Leaf], same: Callable, doubles_a: list, doubles_b: list
) -> list[Pair]:
    """The cheapest alignment, by the costs of aligning each rest of `a` with each rest of `b`."""
    n, m = len(a), len(b)
    rows = [[0.0] * (m + 1) for _ in range(n + 1)]
    steps = [[(0, 0)] * (m + 1) for _ in range(n + 1)]
    for i in range(n, -1, -1):
        for j in range(m, -1, -1):
            ways = []
            if i < n and j < m:
                cost = _cost(a[i], b[j], same)
                ways += [(rows[i + 1][j + 1] + cost, (1, 1))] if cost is not None else []
                if doubles_a[i] and i + 1 < n and doubles_a[i] == b[j].calls:
                    ways.append((rows[i + 2][j + 1], (2, 1)))
                if doubles_b[j] and j + 1 < m and doubles_b[j] == a[i].calls:
                    ways.append((rows[i + 1][j + 2], (1, 2)))
            ways += [(rows[i + 1][j] + 1, (1, 0))] if i < n else []
            ways += [(rows[i][j + 1] + 1, (0, 1))] if j < m else []
            if ways:  # of equally cheap ways the first: a pair rather than a gap
                rows[i][j], steps[i][j] = min(ways, key=itemgetter(0))
    return _walk(a, b, steps)


def _walk(a: Sequence[Leaf], b: Sequence[Leaf], steps: list[list[tuple[int, int]]]) -> list[Pair]:
    pairs, i, j = [], 0, 0
    while (i, j) != (len(a), len(b)):
        left, right = steps[i][j]
        pairs.append((tuple(a[i : i + left]), tuple(b[j : j + right])))
        i, j = i + left, j + right
    return pairs


def _cost(a: Leaf, b: Leaf, same: Callable[[Leaf, Leaf], bool]) -> float | None:
    """What pairing two layers costs; None where they cannot be a pair."""
    if same(a, b):
        return TIE * _apart(a, b) / 2
    if a.role != b.role:
        return None
    if a.layer.kind != b.layer.kind:
        return 1 + TIE
    names = {*a.said, *b.said}
    differ = sum(a.said.get(name) != b.said.get(name) for name in names)
    return 1 + TIE * (differ / max(1, len(names)) + _apart(a, b)) / 2


def _apart(a: Leaf, b: Leaf) -> float:
    """How little two layers share of their surroundings: their branch, the size of their value."""
    other_branch = a.layer.inside[-1:] != b.layer.inside[-1:]
    return (other_branch + (a.layer.shape[1:] != b.layer.shape[1:])) / 2


def _doubles(leaves: Sequence[Leaf]) -> list[tuple | None]:
    """For each layer its calls together with the next one's, where only that reads it."""
    readers = Counter(number for leaf in leaves for number in leaf.layer.reads)
    found: list[tuple | None] = [None] * len(leaves)
    for i, (first, second) in enumerate(pairwise(leaves)):
        follows = second.layer.reads == (first.layer.number,)
        if follows and readers[first.layer.number] == 1 and second.steps:
            found[i] = calls([*first.steps, *second.steps])
    return found


def _removals_first(pairs: list[Pair]) -> list[Pair]:
    """In every gap what only the first has, then what only the second has."""
    ordered: list[Pair] = []
    gap: list[Pair] = []
    for pair in [*pairs, ((), ())]:
        if bool(pair[0]) != bool(pair[1]):
            gap.append(pair)
        else:
            ordered += [p for p in gap if p[0]] + [p for p in gap if p[1]] + [pair]
            gap = []
    return ordered[:-1]
