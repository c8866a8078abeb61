"""The differences of two specs as data, from which every format of `ganspec diff` is written.

`compare(a, b)` in `ganspec/comparison/compare.py` makes a `Comparison`. Each output format is a
file `ganspec/report/diff_FORMAT.py` with a function `render(comparison) -> str`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from ganspec.language.errors import Mark
from ganspec.language.unread import NOT_READ
from ganspec.language.views import Viewed

OUTPUT = "output"  # `kind` of the entry for a network's output
CLAIMS = "claims"  # `name` of the section of claimed scores


@dataclass(frozen=True)
class Change:
    """One property with its values in A and B as texts; None if a spec does not have it.

    `frameworks` is not empty if the values differ because a framework has another default, such as
    `("torch", "keras")` for an epsilon that neither spec sets, or `("keras",)` if the torch spec
    sets it.
    """

    name: str
    before: str | None
    after: str | None
    frameworks: tuple[str, ...] = ()

    @property
    def is_gap(self) -> bool:
        """True if a value is unknown, so that the two may be equal."""
        return NOT_READ in (self.before, self.after)

    @property
    def because(self) -> str | None:
        """The frameworks other than torch whose defaults cause the change; None if none do."""
        others = [name for name in self.frameworks if name != "torch"]
        return ", ".join(dict.fromkeys(others)) or None


@dataclass(frozen=True)
class ComparedLayer:
    """A layer or condition of a network whose blocks, repeats and branches are opened.

    `number` counts these entries of the network from 1. `text` is the layer in words (`conv 128,
    kernel 4, stride 2`). `inside` are the blocks and branches around it, outermost first
    (`("basic_block", "main")`). `shape` is its output shape without the batch. `reads` are the
    numbers of the layers that it reads, once for every use (0 is the network's input, -1 the
    label). `params` counts all stored numbers, `macs` the multiply-adds for one image. `mark` is
    its place in the spec's text. `lost` names the values that depend on unknown labels: any of
    `params`, `macs` and `output` (the shape).
    """

    number: int
    path: str
    kind: str
    text: str
    inside: tuple[str, ...]
    shape: tuple[int, ...]
    reads: tuple[int, ...]
    params: int = 0
    macs: int = 0
    mark: Mark | None = None
    lost: frozenset[str] = frozenset()

    @property
    def size(self) -> str:
        """The output shape as text; NOT_READ if it is not known."""
        return NOT_READ if "output" in self.lost else " x ".join(map(str, self.shape))

    @property
    def line(self) -> int | None:
        """The layer's line in the spec's file; None if it has no place there."""
        return self.mark.line if self.mark else None


@dataclass(frozen=True)
class Edit:
    """An edit of one layer: `a` is the layer in spec A, `b` in spec B; at most one is None.

    Every edit is an Insert, Remove, Move, Update or Keep. `sign` is the character that marks it
    in texts.
    """

    sign: ClassVar[str]

    a: ComparedLayer | None = None
    b: ComparedLayer | None = None
    changes: tuple[Change, ...] = ()

    @property
    def word(self) -> str:
        """`insert`, `remove`, `move`, `update` or `keep`."""
        return type(self).__name__.lower()

    @property
    def layer(self) -> ComparedLayer:
        """The layer in B, or in A if B has none."""
        layer = self.b or self.a
        assert layer is not None
        return layer

    @property
    def path(self) -> str:
        """Key path of the layer in B, or in A if B has none."""
        return self.layer.path


class Insert(Edit):
    """A layer that only B has."""

    sign = "+"


class Remove(Edit):
    """A layer that only A has."""

    sign = "-"


@dataclass(frozen=True)
class TwoSided(Edit):
    """An edit of a layer that both specs have."""

    a: ComparedLayer
    b: ComparedLayer


class Move(TwoSided):
    """A layer that has another place in B than in A; its place among the edits is that in B."""

    sign = ">"


class Update(TwoSided):
    """A layer that differs in the properties that `changes` lists.

    A change named `kind` has the texts of both layers (`batch_norm` and `instance_norm, affine`).
    One named `reads` has the layers that they read.
    """

    sign = "~"


class Keep(TwoSided):
    """A layer that is the same in both; or two adjacent layers that do what one does in the other.

    Shapes and padding that follow from earlier layers may differ, and so may the weight norm if it
    is compared as a setting of the whole network.
    """

    sign = " "


@dataclass(frozen=True)
class EditRow:
    """A line of a side-by-side view. A moved layer has two lines, at its place in A and in B."""

    edit: Edit
    left: ComparedLayer | None
    right: ComparedLayer | None


@dataclass(frozen=True)
class NetworkDiff:
    """The difference of one network; if only one spec has it, all edits are Inserts or Removes.

    `edits` are in the order of both networks; adjacent layers that only A has come before those
    that only B has. `settings` are the changes of the network's weight norm and initial weights.
    `totals` are its numbers of layers, parameters and multiply-adds, its receptive field and its
    output shape, changed or not.
    """

    name: str
    edits: tuple[Edit, ...]
    settings: tuple[Change, ...]
    totals: tuple[Change, ...]
    only: str | None = None  # "a" or "b" if only that spec has the network

    @property
    def changed(self) -> tuple[Edit, ...]:
        """All edits that are not a Keep."""
        return tuple(edit for edit in self.edits if not isinstance(edit, Keep))

    @property
    def is_equal(self) -> bool:
        return self.only is None and not self.changed and not self.settings

    def rows(self) -> Iterator[EditRow]:
        """Yield the lines of a side-by-side view."""
        moves = [edit for edit in self.edits if isinstance(edit, Move)]
        waiting = sorted(moves, key=lambda move: move.a.number)
        for edit in self.edits:
            if isinstance(edit, Move):
                yield EditRow(edit, None, edit.b)
                continue
            while waiting and edit.a and waiting[0].a.number < edit.a.number:
                move = waiting.pop(0)
                yield EditRow(move, move.a, None)
            yield EditRow(edit, edit.a, edit.b)
        for move in waiting:
            yield EditRow(move, move.a, None)


@dataclass(frozen=True)
class SectionDiff:
    """The changes of one section that is not a network, such as `data` or `objective`.

    The section `claims` has the claimed scores. Its changes are shown, but two specs that differ
    only there count as equal, unless the comparison `counts_claims`.
    """

    name: str
    changes: tuple[Change, ...]

    @property
    def is_claims(self) -> bool:
        return self.name == CLAIMS


@dataclass(frozen=True)
class Side:
    """One of the two specs: `title` is the user's name for it, `system` a noun such as `GAN`."""

    title: str
    name: str
    doc: str
    system: str
    framework: str


@dataclass(frozen=True, repr=False)
class Comparison(Viewed):
    """The differences of two specs, or of the parts of them that were compared.

    `answer` has lines of text about the main differences, and about what is equal. If
    `counts_claims`, specs that differ only in their claims are not equal. `unread` has lines of
    text that say which parts of the specs are unknown; if there are any, the specs are not equal.
    """

    view: ClassVar = "comparison"

    a: Side
    b: Side
    networks: tuple[NetworkDiff, ...]
    sections: tuple[SectionDiff, ...]  # only those with changes
    answer: tuple[str, ...]
    counts_claims: bool = False
    unread: tuple[str, ...] = ()

    def __repr__(self) -> str:
        verdict = "equal" if self.is_equal else "; ".join(self.answer) or "not equal"
        return f"<{self.a.title} and {self.b.title}: {verdict}>"

    @property
    def is_equal(self) -> bool:
        """True if nothing is unknown or differs, apart from claims that are not counted."""
        if self.unread:
            return False
        counted = [s for s in self.sections if self.counts_claims or not s.is_claims]
        return all(network.is_equal for network in self.networks) and not counted
