"""Comparison of two networks: the edits that turn one into the other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import accumulate, product

from ganspec.comparison.alignment import align
from ganspec.comparison.authored import AuthoredPair
from ganspec.comparison.edits import (
    OUTPUT,
    Change,
    ComparedLayer,
    Edit,
    Insert,
    Keep,
    Move,
    NetworkDiff,
    Remove,
    Update,
)
from ganspec.comparison.programs import INPUT, LABEL, Leaf, NetworkLayers
from ganspec.language.unread import NOT_READ
from ganspec.program.measure import cell
from ganspec.program.unread import field_text
from ganspec.systems.wording import initial, label

# If a network has a layer several times, it can move past at most this many paired layers.
NEAR = 2


def difference(name: str, a: NetworkLayers, b: NetworkLayers, texts: AuthoredPair) -> NetworkDiff:
    """Return the difference of two networks with the same name."""
    aligned = AlignedNetworks(a, b, texts)
    settings = []
    before, after = aligned.norms
    if aligned.is_uniform and before != after:
        settings.append(Change("weight norm", before, after))
    unread = ["init" in network.network.unread for network in (a, b)]
    before, after = (
        NOT_READ if gap else initial(network.network.init)
        for gap, network in zip(unread, (a, b), strict=True)
    )
    if before != after or any(unread):
        frameworks = texts.frameworks("init", a.network, b.network, (name,))
        settings.append(Change("initial weights", before, after, frameworks))
    return NetworkDiff(name, tuple(aligned.edits()), tuple(settings), tuple(_totals(a, b)))


def alone(network: NetworkLayers, side: str) -> NetworkDiff:
    """Return the difference for a network that only one spec has: `side` is "a" or "b"."""
    is_a = side == "a"
    edits = tuple(Remove(layer) if is_a else Insert(None, layer) for layer in network.layers)
    totals = _totals(network, None) if is_a else _totals(None, network)
    return NetworkDiff(network.name, edits, (), tuple(totals), side)


def _totals(a: NetworkLayers | None, b: NetworkLayers | None) -> Iterator[Change]:
    """Yield layer count, parameters and so on of one or both networks, even if they are equal."""
    before, after = (_sums(network) if network else {} for network in (a, b))
    for name in before or after:
        if before.get(name) or after.get(name):  # a generator has no receptive field
            yield Change(name, before.get(name), after.get(name))


def _sums(network: NetworkLayers) -> dict[str, str | None]:
    layers = network.layers
    return {
        "layers": str(len(layers)),
        "parameters": cell(layers, "params") or "0",
        "multiply-adds": cell(layers, "macs") or "0",
        "receptive field": field_text(network.net),
        "output": layers[-1].size if "output" in layers[-1].lost else str(network.net.output),
    }


class AlignedNetworks:
    """Two networks and the alignment of their layers.

    `is_uniform` is True if neither network has layers with different weight norms. Then the two
    `norms` are compared as a setting of the network, not of every layer. Places are indices in
    `pairs`.
    """

    def __init__(self, a: NetworkLayers, b: NetworkLayers, texts: AuthoredPair):
        self.a, self.b, self.texts = a, b, texts
        norms = [{leaf.norm for leaf in n.leaves if leaf.norm is not None} for n in (a, b)]
        self.is_uniform = all(len(each) <= 1 for each in norms)
        self.norms = [next(iter(each), "none") for each in norms]
        self.pairs = align(a.leaves, b.leaves, self.same)
        # for each network, the places of its paired layers by the numbers of these layers
        paired = [(at, pair) for at, pair in enumerate(self.pairs) if all(pair)]
        self._places = [
            {leaf.layer.number: at for at, pair in paired for leaf in pair[side]} for side in (0, 1)
        ]
        self._moved = dict(self._moves())  # by the place of an insertion: that of the removal

    def same(self, a: Leaf, b: Leaf) -> bool:
        """Return True if two layers are the same, with the same weight norm unless `is_uniform`."""
        return a.is_same(b) and (self.is_uniform or a.norm == b.norm)

    def edits(self) -> Iterator[Edit]:
        """Yield the edits in order; that of the output only if it reads another layer in B."""
        departed = set(self._moved.values())
        for at, (left, right) in enumerate(self.pairs):
            if at in departed:  # a move is yielded at its new place
                continue
            if at in self._moved:
                (a,), (b,) = self.pairs[self._moved[at]][0], right
                yield Move(self._view(a), self._view(b))
            elif not right:
                yield Remove(self._view(left[0]))
            elif not left:
                yield Insert(None, self._view(right[0]))
            else:
                edit = self._paired(at, left, right)
                if right[0].layer.kind != OUTPUT or isinstance(edit, Update):
                    yield edit

    def _paired(self, at: int, left: tuple[Leaf, ...], right: tuple[Leaf, ...]) -> Edit:
        changes = [*self._norm_change(left, right), *self._read_change(at)]
        if len(left) == len(right):  # two layers paired with one make the same calls
            changes[:0] = self._field_changes(left[0], right[0])
        a, b = self._merged(left), self._merged(right)
        return Update(a, b, tuple(changes)) if changes else Keep(a, b)

    def _view(self, leaf: Leaf) -> ComparedLayer:
        """Return the layer, with its weight norm in its text unless `is_uniform`."""
        if self.is_uniform or leaf.norm in (None, "none"):
            return leaf.layer
        norm = f"weight norm {NOT_READ}" if leaf.norm == NOT_READ else f"{leaf.norm} norm"
        return replace(leaf.layer, text=f"{leaf.layer.text}, {norm}")

    def _merged(self, leaves: tuple[Leaf, ...]) -> ComparedLayer:
        """Return one layer for `leaves`: a single one, or two that are paired with a single one."""
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
            lost=frozenset(name for view in views for name in view.lost),
        )

    # -- changes of fields ---------------------------------------------------------------------

    def _norm_change(self, *sides: tuple[Leaf, ...]) -> Iterator[Change]:
        """Yield a change if the weight norms of a pair differ, unless `is_uniform`."""
        a, b = (next((leaf.norm for leaf in side if leaf.norm), None) for side in sides)
        if not self.is_uniform and a != b:
            yield Change("weight norm", a, b)

    def _field_changes(self, a: Leaf, b: Leaf) -> Iterator[Change]:
        if a.is_same(b) or a.model is None or b.model is None:
            return
        if a.layer.kind != b.layer.kind:
            yield Change("kind", self._view(a).text, self._view(b).text)
            return
        for name in self._relevant(a, b):
            frameworks = self.texts.frameworks(name, a.model, b.model)
            yield Change(label(name), a.fields[name], b.fields[name], frameworks)

    def _relevant(self, a: Leaf, b: Leaf) -> list[str]:
        """Return the names of differing fields that change the calls, each by itself.

        Return all differing ones if they change the calls only together; [] if they never do.
        """
        names = [name for name in a.fields if a.fields[name] != b.fields.get(name)]
        if not self._matters(a, b, names):
            return []
        return [name for name in names if self._matters(a, b, [name])] or names

    def _matters(self, a: Leaf, b: Leaf, names: list[str]) -> bool:
        """Return True if calls change when the two layers swap their values of the fields `names`.

        Return True, too, if the new calls cannot be computed, or if one of these fields is unknown.
        """
        for network, leaf, other in ((self.a, a, b), (self.b, b, a)):
            fields = {name: getattr(other.model, name) for name in names}
            if network.calls_with(leaf, fields) != leaf.known_calls:
                return True
        return any(NOT_READ in (a.fields[name], b.fields.get(name)) for name in names)

    # -- changes of wiring ---------------------------------------------------------------------

    def _read_change(self, at: int) -> Iterator[Change]:
        """Yield a change if a pair's layers read different layers, not counting unpaired ones."""
        left, right = self.pairs[at]
        before, after = left[0].layer.reads, right[0].layer.reads
        if self._anchors(self.a, before) != self._anchors(self.b, after):
            yield Change("reads", _names(self.a, before), _names(self.b, after))

    def _anchors(self, network: NetworkLayers, reads: tuple[int, ...]) -> list[int]:
        """Return, for each layer in `reads`, the place of the last paired layer at or before it.

        It is -1 if there is none. The label is left out.
        """
        places, anchors = self._places[network is self.b], []
        for number in reads:
            while number > INPUT and number not in places:
                number = _first_read(network.leaves[number - 1].layer)
            if number != LABEL:  # a read of the label follows from the layer's kind
                anchors.append(places.get(number, -1))
        return anchors

    # -- moves ---------------------------------------------------------------------------------

    def _moves(self) -> Iterator[tuple[int, int]]:
        """Yield, for each move, the places of its insertion and its removal, shortest move first.

        Both are of the same layer. If a network has this layer several times, at most NEAR paired
        layers are between the two places.
        """
        removed = [at for at, (_, right) in enumerate(self.pairs) if not right]
        inserted = [at for at, (left, _) in enumerate(self.pairs) if not left]
        paired = list(accumulate((all(pair) for pair in self.pairs), initial=0))
        ways = []
        for i, j in product(inserted, removed):
            (a,), (b,) = self.pairs[j][0], self.pairs[i][1]
            if self.same(a, b):
                number, other = a.layer.number, b.layer.number
                ways.append((abs(paired[i] - paired[j]), abs(number - other), number + other, i, j))
        taken: set[int] = set()
        for distance, *_, i, j in sorted(ways):  # sorted, to be independent of the specs' order
            if not {i, j} & taken and (distance <= NEAR or self._is_single(i, j)):
                taken |= {i, j}
                yield i, j

    def _is_single(self, inserted: int, removed: int) -> bool:
        """Return True if each network has just one layer like the moved one."""
        (a,), (b,) = self.pairs[removed][0], self.pairs[inserted][1]
        return all(
            sum(leaf.is_same(each) for each in network.leaves) == 1
            for leaf, network in ((a, self.a), (b, self.b))
        )


def _names(network: NetworkLayers, reads: tuple[int, ...]) -> str:
    known = {INPUT: "the input", LABEL: "the label"}
    layers = network.leaves
    return ", ".join(known.get(n) or f"{n} {layers[n - 1].layer.kind}" for n in reads)


def _first_read(layer: ComparedLayer) -> int:
    """Return the first of `layer.reads` that is not the label; LABEL if there is none."""
    return next((number for number in layer.reads if number != LABEL), LABEL)
