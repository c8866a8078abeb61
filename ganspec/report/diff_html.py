"""A comparison of two specs as an HTML page: networks side by side, moved layers linked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby, takewhile

from ganspec.comparison.edits import (
    Change,
    ComparedLayer,
    Comparison,
    Edit,
    EditRow,
    Keep,
    Move,
    NetworkDiff,
)
from ganspec.report.page import page
from ganspec.version import VERSION

CONTEXT = 2  # number of equal layers shown before and after a change
FOLDED = 4  # least number of equal layers to fold


def render(comparison: Comparison) -> str:
    """Return one self-contained page, without scripts or links to other files."""
    networks = [NetworkView(network) for network in comparison.networks]
    return page("diff.html.jinja", diff=comparison, networks=networks, version=VERSION)


@dataclass(frozen=True)
class SideView:
    """One side of a line: a layer, and the name of its HTML anchor.

    `other` is the anchor of a moved layer on the other side. `crumbs` are the blocks and branches
    that begin at this layer.
    """

    layer: ComparedLayer
    edit: Edit
    name: str
    other: str | None = None
    crumbs: tuple[str, ...] = ()

    @property
    def changes(self) -> tuple[Change, ...]:
        """The changes to list below the layer: on B's side all except `kind`, on A's none."""
        if self.layer is not self.edit.b:
            return ()
        return tuple(change for change in self.edit.changes if change.name != "kind")


@dataclass(frozen=True)
class Line:
    """A line of the page: one edit, with a layer on the left, on the right, or on both."""

    edit: Edit
    left: SideView | None
    right: SideView | None


@dataclass(frozen=True)
class Stretch:
    """Adjacent lines that are all shown, or all folded."""

    lines: tuple[Line, ...]
    is_folded: bool


class NetworkView:
    """One network of the page: its lines, and counts of its edits."""

    def __init__(self, diff: NetworkDiff):
        self.diff, self.name = diff, diff.name
        self._inside: dict[str, tuple[str, ...]] = {"a": (), "b": ()}
        self.lines = [self._line(row) for row in diff.rows()]

    @property
    def counts(self) -> list[tuple[str, str, int]]:
        """The sign, word and number of each class of edits, without equal layers."""
        counts = Counter((edit.word, edit.sign) for edit in self.diff.changed)
        return [(sign, word, count) for (word, sign), count in sorted(counts.items())]

    def runs(self) -> Iterator[Stretch]:
        """Yield the lines in order. Long runs of equal layers are folded, except near changes."""
        near = self._near()
        for is_near, run in groupby(enumerate(self.lines), key=lambda each: each[0] in near):
            lines = tuple(line for _, line in run)
            yield Stretch(lines, not is_near and len(lines) >= FOLDED)

    def _near(self) -> set[int]:
        """Return the indices of the lines with a change or near one."""
        changed = [i for i, line in enumerate(self.lines) if not isinstance(line.edit, Keep)]
        return {j for i in changed for j in range(i - CONTEXT, i + CONTEXT + 1)}

    def _line(self, row: EditRow) -> Line:
        left, right = self._side("a", row.left, row.edit), self._side("b", row.right, row.edit)
        return Line(row.edit, left, right)

    def _side(self, side: str, layer: ComparedLayer | None, edit: Edit) -> SideView | None:
        if layer is None:
            return None
        before, self._inside[side] = self._inside[side], layer.inside
        pairs = zip(before, layer.inside, strict=False)
        known = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
        crumbs = tuple(c for c in layer.inside[known:] if not layer.text.startswith(c))
        other = None
        if isinstance(edit, Move):
            other = self._anchor("a", edit.a) if side == "b" else self._anchor("b", edit.b)
        return SideView(layer, edit, self._anchor(side, layer), other, crumbs)

    def _anchor(self, side: str, layer: ComparedLayer) -> str:
        return f"{self.name}-{side}{layer.number}"
