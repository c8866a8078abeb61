"""The differences of two specs as data, from which every form of `ganspec diff` is written.

`compare(a, b)` in `ganspec/comparison/compare.py` makes a `Comparison`; a form of output is a file
`ganspec/report/diff_FORMAT.py` with a function `render(comparison) -> str`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from ganspec.language.errors import Mark

OUTPUT = "output"  # kind of the row that stands for a network's output


@dataclass(frozen=True)
class Change:
    """One property with its two values as texts; None where a side has no such property.

    `frameworks` are those whose defaults the values are, if only that makes them differ:
    `("torch", "keras")` for an epsilon that neither spec wrote.
    """

    name: str
    before: str | None
    after: str | None
    frameworks: tuple[str, ...] = ()

    @property
    def because(self) -> str | None:
        """Name the framework whose default causes the change, such as `keras`."""
        others = [name for name in self.frameworks if name != "torch"]
        return ", ".join(dict.fromkeys(others)) or None


@dataclass(frozen=True)
class ComparedLayer:
    """One layer of one network, with blocks, repeats and branches opened.

    `number` counts from 1 through its network. `text` is the layer in words (`conv 128, kernel 4,
    stride 2`), `inside` are the blocks and branches around it from the outermost (`("basic_block",
    "main")`), `shape` is its result's without the batch. `reads` are the numbers of the layers
    whose values it reads, once for every use (0 is the network's input, -1 the label). `params`
    counts all stored numbers, `macs` the multiply-adds for one image; `mark` is its place in a
    text.
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

    @property
    def line(self) -> int | None:
        """Line of the spec's file."""
        return self.mark.line if self.mark else None


@dataclass(frozen=True)
class Edit:
    """An edit of one layer: `a` is the layer in A, `b` in B, at least one of them there.

    One of the five classes below; `sign` marks it where colour alone would not do.
    """

    sign: ClassVar[str]

    a: ComparedLayer | None = None
    b: ComparedLayer | None = None
    changes: tuple[Change, ...] = ()

    @property
    def word(self) -> str:
        """Return `insert`, `remove`, `move`, `update` or `keep`."""
        return type(self).__name__.lower()

    @property
    def layer(self) -> ComparedLayer:
        """Return the layer in B, or in A if B has none."""
        layer = self.b or self.a
        assert layer is not None
        return layer

    @property
    def path(self) -> str:
        """Key path of the layer, in B if it is there."""
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
    """The same layer in another place; its place among the edits is that in B."""

    sign = ">"


class Update(TwoSided):
    """A layer with other properties, which `changes` lists.

    A change called `kind` is of the whole layer (`batch_norm` to `instance_norm, affine`), one
    called `reads` of the layers whose values it reads.
    """

    sign = "~"


class Keep(TwoSided):
    """The same layer in both; its widths may follow from the layers before it."""

    sign = " "


@dataclass(frozen=True)
class EditRow:
    """A line of a side-by-side view; a moved layer has two, in A's place and in B's."""

    edit: Edit
    left: ComparedLayer | None
    right: ComparedLayer | None


@dataclass(frozen=True)
class NetworkDiff:
    """One network of both specs, or of one alone: then every edit is an Insert or a Remove.

    `edits` are in the order of both networks, in a gap first the layers of A. `settings` are
    changes of the whole network's settings: its weight norm, its initial weights. `totals`, which
    follow from the rest, are its sums, equal ones too: layers, parameters, multiply-adds, receptive
    field, output shape.
    """

    name: str
    edits: tuple[Edit, ...]
    settings: tuple[Change, ...]
    totals: tuple[Change, ...]
    only: str | None = None  # "a" or "b", where the other spec has no such network

    @property
    def changed(self) -> tuple[Edit, ...]:
        """Every edit that is no Keep."""
        return tuple(edit for edit in self.edits if not isinstance(edit, Keep))

    @property
    def is_equal(self) -> bool:
        return self.only is None and not self.changed and not self.settings

    def rows(self) -> Iterator[EditRow]:
        """Yield the network line by line, for two columns."""
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
    """Changes of one section beside the networks: `data`, `objective`, `claims` and so on.

    Claimed scores are the section `claims`; they are shown, and make no two specs different.
    """

    name: str
    changes: tuple[Change, ...]

    @property
    def is_claims(self) -> bool:
        return self.name == "claims"


@dataclass(frozen=True)
class Side:
    """One of the two specs: `title` as the user named it, `system` as `GAN` or `classifier`."""

    title: str
    name: str
    doc: str
    system: str
    framework: str


@dataclass(frozen=True)
class Comparison:
    """All differences of two specs. `answer` are the first lines, one difference each.

    With `counts_claims`, which is so if the user asks for claims by name, claims make a difference.
    """

    a: Side
    b: Side
    networks: tuple[NetworkDiff, ...]
    sections: tuple[SectionDiff, ...]  # only those with changes
    answer: tuple[str, ...]
    counts_claims: bool = False

    @property
    def is_equal(self) -> bool:
        """Return True if both are the same program and training; names and claims do not count."""
        counted = [s for s in self.sections if self.counts_claims or not s.is_claims]
        return all(network.is_equal for network in self.networks) and not counted
