"""Where the label joins: the condition, or the layer, that does what the calls do."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

from ganspec.importing.entries import Entry, data, entry_of
from ganspec.importing.graph import Graph
from ganspec.importing.guesses import guesses, labelled, made, norms, settings_of
from ganspec.importing.likeness import Segment, expresses, lowered
from ganspec.importing.matching import Matcher
from ganspec.importing.recording import Op
from ganspec.kinds.layer import Layer
from ganspec.language.annotations import family, literals
from ganspec.language.expr import Width
from ganspec.language.kinds import Kind, kinds_of
from ganspec.program.ir import Value, label_input


def joined(matcher: Matcher, side: list[Op], ops: list[Op], start: int, label: int) -> Entry | None:
    """The layer that joins the label to value `start` as `side` and `ops` do; None if none does.

    `side` are calls on the label alone.
    """
    graph, both = matcher.graph, [*side, *ops]
    both.sort(key=lambda op: graph.ops.index(op) if op in graph.ops else len(graph.ops))
    segment = Segment(graph, both, (start, label), ops[-1].output)
    wraps = next((norms(op) for op in both if norms(op) != [None]), [None])
    for layer in candidates(matcher, segment, side):
        for norm in wraps:
            net = lowered(layer, segment.start(start), matcher.labels, norm)
            if net is not None and expresses(net, segment):
                entry = entry_of(layer, both)
                if norm:  # a network's, for the label's layers have no field of their own
                    entry.fields["norm"] = data(norm)
                return entry
    return None


def candidates(matcher: Matcher, segment: Segment, side: list[Op]) -> Iterator[Layer]:
    """Layers and conditions that read a label, the likeliest fields first."""
    known = settings_of(segment.graph, list(segment.ops))
    after = segment.graph.shapes[segment.output]
    for kind in labelled():
        yield from guesses(kind, known, after)
    for condition in conditions(matcher, side):
        yield made(kinds_of("layer")["join_label"], {"condition": condition})


def conditions(matcher: Matcher, side: list[Op]) -> Iterator[Kind]:
    """Every condition with every size and activation that stand among the calls on the label."""
    graph = matcher.graph
    sizes = [graph.shapes[op.output][0] for op in side if _has_weight(op)]
    unary = [op for op in side if op not in graph.roles and not _has_weight(op)]
    hidden = [layer for op in unary if (layer := matcher.layer([op]))]
    for name, kind in kinds_of("condition").items():
        if name == "none":
            continue
        pools = [_pool(info, sizes, hidden) for info in kind.model_fields.values()]
        names = [info.alias or field for field, info in kind.model_fields.items()]
        for values in product(*pools):
            if condition := made(kind, dict(zip(names, values, strict=True))):
                yield condition


def _pool(info, sizes: list[int], hidden: list[Layer]) -> list[object]:
    if family(info.annotation) == "layer":
        return [*hidden, None]
    return literals(info.annotation) or [None, *dict.fromkeys(sizes)]


def _has_weight(op: Op) -> bool:
    return op.module is not None and bool(op.module.state_dict())


def label_of(graph: Graph, value: int, size: int) -> Value:
    """The label as the lowered program's own value."""
    is_index = not graph.dtypes[value].is_floating_point
    return label_input(Width(size), is_index).value
