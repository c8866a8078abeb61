"""Two networks' programs to edits."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import product

from ganspec.comparison.alignment import align
from ganspec.comparison.authored import Both
from ganspec.comparison.edits import (
    Change,
    Edit,
    Insert,
    Keep,
    Layer,
    Move,
    NetworkDiff,
    Remove,
    Update,
)
from ganspec.comparison.programs import INPUT, LABEL, Leaf, Program
from ganspec.program.receptive import receptive_field
from ganspec.systems.wording import initial, label

NEAR = 2  # kept layers that a layer found elsewhere too may pass and still be said to have moved


def difference(name: str, a: Program, b: Program, both: Both) -> NetworkDiff:
    """Everything that differs between two networks of one name."""
    edits, norm = Networks(a, b, both).edits()
    before, after = initial(a.network.init), initial(b.network.init)
    settings = [Change("weight norm", *norm)] if norm[0] != norm[1] else []
    if before != after:
        why = both.frameworks("init", a.network, b.network, (name,))
        settings.append(Change("initial weights", before, after, why))
    return NetworkDiff(name, tuple(edits), tuple(settings), tuple(totals(a, b)))


def alone(name: str, program: Program, side: str) -> NetworkDiff:
    """A network that only one of the specs has."""
    layers = [leaf.layer for leaf in program.leaves[:-1]]
    edits = [Remove(layer) if side == "a" else Insert(None, layer) for layer in layers]
    found = totals(program, None) if side == "a" else totals(None, program)
    return NetworkDiff(name, tuple(edits), (), tuple(found), side)


def totals(a: Program | None, b: Program | None) -> Iterator[Change]:
    """What a network comes to in both, equal sums included."""
    rows = [_sums(program) if program else {} for program in (a, b)]
    for name in rows[0] or rows[1]:
        if rows[0].get(name) or rows[1].get(name):  # a generator sees no image
            yield Change(name, rows[0].get(name), rows[1].get(name))


def _sums(program: Program) -> dict[str, str | None]:
    layers = [leaf.layer for leaf in program.leaves[:-1]]
    seen = receptive_field(program.net)
    return {
        "layers": str(len(layers)),
        "parameters": f"{sum(layer.params for layer in layers):,}",
        "multiply-adds": f"{sum(layer.macs for layer in layers):,}",
        "receptive field": seen and " x ".join(map(str, seen)),
        "output": " x ".join(map(str, program.net.output.shape)),
    }


class Networks:
    """Two networks, aligned."""

    def __init__(self, a: Program, b: Program, both: Both):
        self.a, self.b, self.both = a, b, both
        norms = [{leaf.norm for leaf in p.leaves if leaf.norm is not None} for p in (a, b)]
        # one weight norm throughout is a setting of the network, not of every layer
        self.uniform = all(len(found) <= 1 for found in norms)
        self.norms = [next(iter(found), "none") for found in norms]
        self.pairs = align(a.leaves, b.leaves, self.same)
        self.places: tuple[dict[int, int], ...] = ({}, {})  # of paired layers, by their numbers
        for at, pair in enumerate(self.pairs):
            for side, leaves in enumerate(pair if all(pair) else ()):
                self.places[side].update({leaf.layer.number: at for leaf in leaves})
        self.moved = dict(self._moves())

    def same(self, a: Leaf, b: Leaf) -> bool:
        return a.is_same(b) and (self.uniform or a.norm == b.norm)

    def edits(self) -> tuple[list[Edit], tuple[str, str]]:
        """The edits in order, and the weight norm of both where that is one throughout."""
        edits = []
        moved = set(self.moved.values())
        for at, (left, right) in enumerate(self.pairs):
            if at in moved:  # told where it went
                continue
            if at in self.moved:
                (a,), (b,) = self.pairs[self.moved[at]][0], right
                edits.append(Move(self._view(a), self._view(b)))
            elif left and right:
                edits.append(self._paired(at, left, right))
            elif left:
                edits.append(Remove(self._view(left[0])))
            else:
                edits.append(Insert(None, self._view(right[0])))
        kept = [e for e in edits if (e.a or e.b).kind != "output" or isinstance(e, Update)]
        return kept, tuple(self.norms) if self.uniform else ("", "")

    def _paired(self, at: int, left: tuple[Leaf, ...], right: tuple[Leaf, ...]) -> Edit:
        changes = [*self._normed(left, right), *self._rewired(at)]
        if len(left) == len(right):  # two layers for one are of the same calls
            changes[:0] = self._said(left[0], right[0])
        views = [self._merged(leaves) for leaves in (left, right)]
        return Update(*views, tuple(changes)) if changes else Keep(*views)

    def _view(self, leaf: Leaf) -> Layer:
        if self.uniform or leaf.norm in (None, "none"):
            return leaf.layer
        return replace(leaf.layer, text=f"{leaf.layer.text}, {leaf.norm} norm")

    def _merged(self, leaves: tuple[Leaf, ...]) -> Layer:
        """Layers in a row as one, where the other network has one for them."""
        views = [self._view(leaf) for leaf in leaves]
        if len(views) == 1:
            return views[0]
        return replace(
            views[0],
            kind=" + ".join(view.kind for view in views),
            text=" + ".join(view.text for view in views),
            shape=views[-1].shape,
            params=sum(view.params for view in views),
            macs=sum(view.macs for view in views),
        )

    # -- what a layer says ---------------------------------------------------------------------

    def _normed(self, *sides: tuple[Leaf, ...]) -> Iterator[Change]:
        """A change of the weight norm, where that is not one throughout."""
        a, b = (next((leaf.norm for leaf in side if leaf.norm), None) for side in sides)
        if not self.uniform and a != b:
            yield Change("weight norm", a, b)

    def _said(self, a: Leaf, b: Leaf) -> Iterator[Change]:
        if a.is_same(b) or a.calls == b.calls:
            return
        if a.layer.kind != b.layer.kind:
            yield Change("kind", self._view(a).text, self._view(b).text)
            return
        names = [name for name in a.said if a.said[name] != b.said.get(name)]
        for name in self._relevant(a, b, names):
            why = self.both.frameworks(name, a.model, b.model)
            yield Change(label(name), a.said[name], b.said[name], why)

    def _relevant(self, a: Leaf, b: Leaf, names: list[str]) -> list[str]:
        """The fields that make a difference to the calls: `split` makes none to an even padding."""
        if not self._matters(a, b, names):
            return []
        return [name for name in names if self._matters(a, b, [name])] or names

    def _matters(self, a: Leaf, b: Leaf, names: list[str]) -> bool:
        for program, leaf, other in ((self.a, a, b), (self.b, b, a)):
            values = {name: getattr(other.model, name) for name in names}
            if program.recalled(leaf, values) != leaf.calls:
                return True
        return False

    # -- what a layer reads --------------------------------------------------------------------

    def _rewired(self, at: int) -> Iterator[Change]:
        """A change of what the pair reads, beyond what lies between through edits before it."""
        left, right = self.pairs[at]
        ours, theirs = left[0].layer.reads, right[0].layer.reads
        if self._anchors(self.a, ours) != self._anchors(self.b, theirs):
            yield Change("reads", self._names(self.a, ours), self._names(self.b, theirs))

    def _anchors(self, program: Program, reads: tuple[int, ...]) -> list[int]:
        """For each value read the place of the last pair that it came through."""
        places, found = self.places[program is self.b], []
        for number in reads:
            while number > INPUT and number not in places:
                number = _main(program.leaves[number - 1].layer)
            if number != LABEL:  # a layer reads it or does not, by what it is
                found.append(places.get(number, -1))
        return found

    def _names(self, program: Program, reads: tuple[int, ...]) -> str:
        known = {INPUT: "the input", LABEL: "the label"}
        layers = program.leaves
        return ", ".join(known.get(n) or f"{n} {layers[n - 1].layer.kind}" for n in reads)

    # -- moves ---------------------------------------------------------------------------------

    def _moves(self) -> Iterator[tuple[int, int]]:
        """Places of an inserted and of a removed layer that are the same layer, nearest first."""
        gone = [at for at, pair in enumerate(self.pairs) if not pair[1]]
        new = [at for at, pair in enumerate(self.pairs) if not pair[0]]
        kept = [0]
        for pair in self.pairs:
            kept.append(kept[-1] + bool(pair[0] and pair[1]))
        ways = []
        for i, j in product(new, gone):
            (a,), (b,) = self.pairs[j][0], self.pairs[i][1]
            if self.same(a, b):
                apart = (a.layer.number - b.layer.number, a.layer.number + b.layer.number)
                ways.append((abs(kept[i] - kept[j]), abs(apart[0]), apart[1], i, j))
        taken: set[int] = set()
        for distance, *_, i, j in sorted(ways):  # the same moves whichever spec comes first
            if not {i, j} & taken and (distance <= NEAR or self._is_single(i, j)):
                taken |= {i, j}
                yield i, j

    def _is_single(self, inserted: int, removed: int) -> bool:
        """Whether either network has just one layer like it."""
        (a,), (b,) = self.pairs[removed][0], self.pairs[inserted][1]
        return all(
            sum(leaf.is_same(each) for each in program.leaves) == 1
            for leaf, program in ((a, self.a), (b, self.b))
        )


def _main(layer: Layer) -> int:
    """The value that a layer passes on: the first that it reads beside the label."""
    return next((number for number in layer.reads if number != LABEL), LABEL)
