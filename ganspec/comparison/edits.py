"""What differs between two specs, as data: every form of `ganspec diff` is written from it.

`compare(a, b)` in `ganspec/comparison/compare.py` makes a `Comparison`; a form of output is a file
`ganspec/report/diff_FORMAT.py` with a function `render(comparison) -> str`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import ClassVar

from ganspec.language.errors import Mark


@dataclass(frozen=True)
class Change:
    """One property with its two values as texts; None where a side has no such property.

    `frameworks` are those whose own defaults the values are, where that alone makes them differ:
    `("torch", "keras")` for an epsilon that neither spec wrote.
    """

    name: str
    before: str | None
    after: str | None
    frameworks: tuple[str, ...] = ()

    def mirrored(self) -> Change:
        """The same change, from B to A."""
        return replace(self, before=self.after, after=self.before, frameworks=self.frameworks[::-1])

    @property
    def because(self) -> str | None:
        """The framework that the change is due to, for a mark beside it: `keras`."""
        others = [name for name in self.frameworks if name != "torch"]
        return ", ".join(dict.fromkeys(others)) or None


@dataclass(frozen=True)
class Layer:
    """One layer of one network, with blocks, repeats and branches opened.

    `number` counts from 1 through its network. `text` is what the layer says (`conv 128, kernel 4,
    stride 2`), `inside` the blocks and branches around it from the outermost (`("basic_block",
    "main")`), `shape` its result's without the batch. `reads` are the numbers of the layers whose
    values it reads, once for every use (0 is the network's input, -1 the label); `params` all
    numbers that it stores, `macs` its multiply-adds for one image, `mark` its place in a text.
    """

    number: int
    path: str
    kind: str
    text: str
    inside: tuple[str, ...]
    shape: tuple[int, ...]
    reads: tuple[int, ...]
    params: int
    macs: int
    mark: Mark | None = None

    @property
    def line(self) -> int | None:
        """Line of the spec's file."""
        return self.mark.line if self.mark else None


@dataclass(frozen=True)
class Edit:
    """What became of one layer: `a` is the layer in A, `b` in B, `changes` what it says otherwise.

    One of the five below; `sign` marks it where colour alone would not do.
    """

    sign: ClassVar[str]

    a: Layer | None = None
    b: Layer | None = None
    changes: tuple[Change, ...] = ()

    @property
    def word(self) -> str:
        """`insert`, `remove`, `move`, `update` or `keep`."""
        return type(self).__name__.lower()

    @property
    def path(self) -> str:
        """Key path of the layer, in B where it is there."""
        return (self.b or self.a).path

    def mirrored(self) -> Edit:
        """The same edit, from B to A."""
        kind = {Insert: Remove, Remove: Insert}.get(type(self), type(self))
        return kind(self.b, self.a, tuple(change.mirrored() for change in self.changes))


class Insert(Edit):
    """A layer that only B has."""

    sign = "+"


class Remove(Edit):
    """A layer that only A has."""

    sign = "-"


class Move(Edit):
    """The same layer in another place; among the edits it stands in B's."""

    sign = ">"


class Update(Edit):
    """A layer that says something else: `changes`.

    A change called `kind` is of the whole layer (`batch_norm` to `instance_norm, affine`), one
    called `reads` of the layers whose values it reads.
    """

    sign = "~"


class Keep(Edit):
    """A layer that says the same in both; its widths may follow from what stands before it."""

    sign = " "


@dataclass(frozen=True)
class EditRow:
    """A line of a side-by-side view; a moved layer has two, in A's place and in B's."""

    edit: Edit
    left: Layer | None
    right: Layer | None


@dataclass(frozen=True)
class NetworkDiff:
    """One network of both specs, or of one alone: then every edit is an Insert or a Remove.

    `edits` stand in the order of both networks, in a gap first what A alone has. `settings` are
    changes of what holds for the whole network: its weight norm, its initial weights. `totals` are
    its sums, equal ones too: layers, parameters, multiply-adds, receptive field, output shape. They
    follow from the rest.
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
        """The network line by line, for two columns."""
        moves = [edit for edit in self.edits if isinstance(edit, Move)]
        waiting = sorted(moves, key=lambda edit: edit.a.number)
        for edit in self.edits:
            while waiting and _left(edit) and waiting[0].a.number < edit.a.number:
                move = waiting.pop(0)
                yield EditRow(move, move.a, None)
            if isinstance(edit, Move):
                yield EditRow(edit, None, edit.b)
            else:
                yield EditRow(edit, edit.a, edit.b)
        for move in waiting:
            yield EditRow(move, move.a, None)

    def mirrored(self) -> NetworkDiff:
        """The same from B to A."""
        other = {"a": "b", "b": "a", None: None}[self.only]
        return NetworkDiff(
            self.name,
            tuple(edit.mirrored() for edit in self.edits),
            tuple(change.mirrored() for change in self.settings),
            tuple(change.mirrored() for change in self.totals),
            other,
        )


def _left(edit: Edit) -> bool:
    return edit.a is not None and not isinstance(edit, Move)


@dataclass(frozen=True)
class Section:
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
    """All that differs between two specs. `answer` are the first lines, one finding each.

    `counts_claims` where claims were asked for by name, and then do make a difference.
    """

    a: Side
    b: Side
    networks: tuple[NetworkDiff, ...]
    sections: tuple[Section, ...]  # only those with changes
    answer: tuple[str, ...]
    counts_claims: bool = False

    @property
    def is_equal(self) -> bool:
        """Whether both are the same program and training; names and claims do not count."""
        told = [s for s in self.sections if self.counts_claims or not s.is_claims]
        return all(n.is_equal for n in self.networks) and not told
