"""A comparison of two specs as one page: both networks side by side, moved layers linked."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

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

CONTEXT = 2  # equal layers shown beside a change
FOLDED = 4  # fewer equal layers than this are not worth a fold


def render(comparison: Comparison) -> str:
    """One self-contained page, which runs and fetches nothing."""
    networks = [NetworkView(network) for network in comparison.networks]
    return page("diff.html.jinja", diff=comparison, networks=networks, version=VERSION)


@dataclass(frozen=True)
class SideView:
    """One side of a line: a layer, and for a moved one the address of its other place."""

    layer: ComparedLayer
    edit: Edit
    name: str
    other: str | None = None
    crumbs: tuple[str, ...] = ()  # blocks and branches that begin here

    @property
    def told(self) -> tuple[Change, ...]:
        """What changed, beside the layer in B; another kind is plain from both texts."""
        if self.layer is not self.edit.b:
            return ()
        return tuple(change for change in self.edit.changes if change.name != "kind")


@dataclass(frozen=True)
class Line:
    """A layer on both sides, or on one."""

    edit: Edit
    left: SideView | None
    right: SideView | None


@dataclass(frozen=True)
class Stretch:
    """Lines that are shown, or equal ones folded away."""

    lines: tuple[Line, ...]
    is_folded: bool


class NetworkView:
    """One network as the page shows it."""

    def __init__(self, diff: NetworkDiff):
        self.diff, self.name = diff, diff.name
        self._inside: dict[str, tuple[str, ...]] = {"a": (), "b": ()}
        self.lines = [self._line(row) for row in diff.rows()]

    @property
    def counts(self) -> list[tuple[str, str, int]]:
        """Sign, word and number of the network's edits, but for the equal layers."""
        kinds = sorted({type(edit) for edit in self.diff.changed}, key=lambda kind: kind.__name__)
        found = [(k, sum(isinstance(e, k) for e in self.diff.edits)) for k in kinds]
        return [(kind.sign, kind.__name__.lower(), number) for kind, number in found]

    def runs(self) -> Iterator[Stretch]:
        """The lines in order; long runs of equal ones folded, but for those beside a change."""
        near = self._near()
        numbered = enumerate(self.lines)
        for is_near, found in groupby(numbered, key=lambda each: each[0] in near):
            lines = tuple(line for _, line in found)
            yield Stretch(lines, not is_near and len(lines) >= FOLDED)

    def _near(self) -> set[int]:
        """Numbers of the lines with a change, and of those beside them."""
        changed = [i for i, line in enumerate(self.lines) if not isinstance(line.edit, Keep)]
        return {j for i in changed for j in range(i - CONTEXT, i + CONTEXT + 1)}

    def _line(self, row: EditRow) -> Line:
        left, right = self._side("a", row.left, row.edit), self._side("b", row.right, row.edit)
        return Line(row.edit, left, right)

    def _side(self, side: str, layer: ComparedLayer | None, edit: Edit) -> SideView | None:
        if layer is None:
            return None
        before, self._inside[side] = self._inside[side], layer.inside
        known = next(
            (i for i, (a, b) in enumerate(zip(before, layer.inside, strict=False)) if a != b),
            min(len(before), len(layer.inside)),
        )
        other = self._address("a", edit.a) if side == "b" else self._address("b", edit.b)
        link = other if isinstance(edit, Move) else None
        crumbs = tuple(c for c in layer.inside[known:] if not layer.text.startswith(c))
        return SideView(layer, edit, self._address(side, layer), link, crumbs)

    def _address(self, side: str, layer: ComparedLayer | None) -> str | None:
        return f"{self.name}-{side}{layer.number}" if layer else None
