"""A comparison of two specs as an HTML page: networks side by side, moved layers linked."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import takewhile

from ganspec.comparison.edits import (
    Change,
    ComparedLayer,
    Comparison,
    Edit,
    EditRow,
    Move,
    NetworkDiff,
)
from ganspec.report.diff_text import stretches
from ganspec.report.page import page
from ganspec.version import VERSION

CONTEXT = 2  # number of equal layers shown before and after a change
FOLDED = 4  # least number of adjacent equal layers that are hidden until the reader opens them


def render(comparison: Comparison) -> str:
    """Return the HTML of a page about a comparison, which has no scripts and loads no files."""
    networks = [NetworkView(network) for network in comparison.networks]
    return page("diff.html.jinja", diff=comparison, networks=networks, version=VERSION)


@dataclass(frozen=True)
class SideView:
    """One half of a line: on the left a layer of spec A, on the right one of spec B.

    `edit` is the edit of this layer, and `name` its HTML anchor. `other` is the anchor of the same
    layer in the other spec if it has moved, else None. `crumbs` are the names of the blocks and
    branches that begin at this layer.
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
    """A line of the page: an edit, with a layer on the left, on the right (else None), or both."""

    edit: Edit
    left: SideView | None
    right: SideView | None


@dataclass(frozen=True)
class Stretch:
    """Adjacent lines that are all shown or, if `is_folded`, hidden until the reader opens them."""

    lines: tuple[Line, ...]
    is_folded: bool


class NetworkView:
    """One network of the page: its lines in `stretches`, and the counts of its edits.

    A stretch is folded if it has FOLDED lines or more, all further than CONTEXT from a change.
    """

    def __init__(self, diff: NetworkDiff):
        self.diff, self.name = diff, diff.name
        self._inside: dict[str, tuple[str, ...]] = {"a": (), "b": ()}
        self.stretches = [
            Stretch(tuple(map(self._line, rows)), not is_near and len(rows) >= FOLDED)
            for is_near, rows in stretches(diff, CONTEXT)
        ]

    @property
    def counts(self) -> list[tuple[str, str, int]]:
        """A sign, a word and a number for each class of edits except `Keep`: `+`, `insert`, 2."""
        counts = Counter((edit.word, edit.sign) for edit in self.diff.changed)
        return [(sign, word, count) for (word, sign), count in sorted(counts.items())]

    def _line(self, row: EditRow) -> Line:
        left, right = self._side("a", row.left, row.edit), self._side("b", row.right, row.edit)
        return Line(row.edit, left, right)

    def _side(self, side: str, layer: ComparedLayer | None, edit: Edit) -> SideView | None:
        """Return the view of a layer on the side `a` or `b`, None if `layer` is None.

        Calls for one side must come in the order of its layers: `crumbs` leave out the blocks and
        branches that the layer before is in, too.
        """
        if layer is None:
            return None
        # the blocks and branches around the previous layer, and around this one, outermost first
        before, self._inside[side] = self._inside[side], layer.inside
        pairs = zip(before, layer.inside, strict=False)
        known = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
        crumbs = tuple(c for c in layer.inside[known:] if not layer.text.startswith(c))
        other = None
        if isinstance(edit, Move):
            other = self._anchor("a", edit.a) if side == "b" else self._anchor("b", edit.b)
        return SideView(layer, edit, self._anchor(side, layer), other, crumbs)

    def _anchor(self, side: str, layer: ComparedLayer) -> str:
        """Return the name of a layer's HTML anchor, such as `generator-a3`."""
        return f"{self.name}-{side}{layer.number}"
