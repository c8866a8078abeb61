"""Calls of one input, one after another, as layers."""

from __future__ import annotations

from collections.abc import Iterator

from torch.nn.utils import parametrize

from ganspec.importing.entries import Entry, entry_of
from ganspec.importing.graph import Graph
from ganspec.importing.guesses import (
    guesses,
    head,
    kinds_by_heads,
    norms,
    settings_of,
    weightless,
)
from ganspec.importing.likeness import Segment, expresses, lowered, settings, shapes
from ganspec.importing.recording import Op, base
from ganspec.kinds.layer import Layer, Weighted
from ganspec.program.ir import Value

# How many calls in a row one layer may be, and whether any layer without weights is tried.
ATTEMPTS = ((2, False), (1, False), (2, True), (1, True))


def own_names(ops: list[Op]) -> list[str]:
    """Return the names of the classes called, where these tell more than what they do.

    Of two layers that do the same, that of the same name is meant: ganspec's own helper classes
    come back as what they were, even on a map of one number where all norms are alike, and so
    do the two dropouts of rate 0, which do nothing. Of torch's other classes there are no names.
    """
    modules = [op.module for op in ops if op.module is not None]
    classes = [parametrize.type_before_parametrizations(m) for m in modules]
    idle = any(getattr(m, "p", None) == 0 for m in modules)  # dropout of rate 0
    others = not all(c.__module__.startswith("torch.") for c in classes)
    if len(classes) < len(ops) or not (others or idle):
        return []
    return [cls.__name__ for cls in classes]


class Matcher:
    """Finds the layer for a run of calls; remembers what it found for equal ones."""

    def __init__(self, graph: Graph, labels: Value | None):
        self.graph, self.labels = graph, labels
        self.known: dict[object, Layer | None] = {}

    def entries(self, ops: list[Op]) -> Iterator[Entry]:
        """Layers for calls of one input each, in a row; an entry without a kind where none is."""
        at = 0
        while at < len(ops):
            for length, loose in ATTEMPTS:
                part = ops[at : at + length]
                layer = self.layer(part, loose) if len(part) == length else None
                if layer:
                    yield entry_of(layer, part)
                    break
            else:
                part = ops[at : at + 1]
                yield Entry(None, {}, part, output=part[-1].output)
            at += len(part)

    def layer(self, ops: list[Op], loose: bool = True) -> Layer | None:
        """The layer that does just what these calls do; `loose`, though it is called otherwise."""
        key = self.key(ops)
        if key is not None and (key, loose) in self.known:
            return self.known[key, loose]
        found = self.search(Segment(self.graph, ops, ops[0].inputs, ops[-1].output), loose)
        if key is not None:
            self.known[key, loose] = found
        return found

    def key(self, ops: list[Op]) -> object:
        """Equal for calls that are alike in all but their weights; None where that is unknown."""
        parts = []
        for op in ops:
            before, after = (self.graph.shapes[v] for v in (*op.inputs[:1], op.output))
            if op.module is None or base(op.module) is None:
                if self.graph.roles.get(op) != "reshape":
                    return None
                parts.append((before, after))
                continue
            norm = [repr(n) for n in norms(op)]
            parts.append((type(op.module).__name__, repr(settings(op.module)), *norm))
            parts.append((repr(shapes(op.module)), before, after))
        return tuple(parts)

    def search(self, segment: Segment, loose: bool) -> Layer | None:
        ends = [self.graph.shapes[v] for v in (segment.inputs[0], segment.output)]
        if any(len(shape) not in (1, 3) for shape in ends):  # the language has vectors and maps
            return None
        names = own_names(segment.ops)
        found = None
        for layer in self.candidates(segment, loose):
            net = lowered(layer, segment.start(segment.inputs[0]), None)
            if net is None:
                continue
            is_namesake = not names or [step.call.target.__name__ for step in net.steps] == names
            if (is_namesake or found is None) and expresses(net, segment):
                if is_namesake:
                    return layer
                found = layer
        return found

    def candidates(self, segment: Segment, loose: bool) -> Iterator[Layer]:
        """Layers that could be what the calls do, the likeliest first."""
        graph, ops = self.graph, segment.ops
        after = graph.shapes[segment.output]
        known = settings_of(graph, ops)
        kinds = [kind for heads in self.heads(ops) for kind in kinds_by_heads().get(heads, [])]
        bare = all(op.module is None or not op.module.state_dict() for op in ops)
        odd = len(ops) == 2 and graph.roles.get(ops[1]) != "reshape"
        if loose and bare and not odd and not all(op in graph.roles for op in ops):
            kinds += [kind for kind in weightless() if kind not in kinds]
        for kind in dict.fromkeys(kinds):
            wraps = [None]
            if issubclass(kind, Weighted):
                wraps = next((norms(op) for op in ops if norms(op) != [None]), [None])
            for layer in guesses(kind, known, after):
                for norm in wraps:
                    yield layer.model_copy(update={"norm": norm}) if norm else layer

    def heads(self, ops: list[Op]) -> list[tuple[str, ...]]:
        """What the calls may be known by: own names, those of torch's classes, `Unflatten`."""
        found = [()]
        for op in ops:
            names = [head(op.name)]
            if op.module is not None and base(op.module):
                names.append(head(base(op.module).__name__))
            if self.graph.roles.get(op) == "reshape":
                is_vector = len(self.graph.shapes[op.output]) == 1
                names = ["flatten"] if is_vector else ["unflatten"]
            found = [(*before, name) for before in found for name in dict.fromkeys(names)]
        return found
