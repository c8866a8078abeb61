"""Recognition of calls that join the label to another value, as a condition or a layer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

from ganspec.importing.entries import Entry, data, entry_of
from ganspec.importing.graph import RecordedCall
from ganspec.importing.guesses import guesses, kind_with, labelled, layer_kinds, norms, settings_of
from ganspec.importing.likeness import Segment, expresses, lowered
from ganspec.importing.matching import Matcher
from ganspec.kinds.layer import Layer
from ganspec.language.fields import Field, fields_of
from ganspec.language.kinds import Kind, kinds_of
from ganspec.program.ir import Input


@dataclass(frozen=True)
class GraphLabel:
    """The label: its value in the recorded graph, and its input in a lowered program."""

    value: int
    input: Input


def joined(
    matcher: Matcher,
    label: GraphLabel,
    start: int,
    side: list[RecordedCall],
    calls: list[RecordedCall],
) -> Entry | None:
    """Return the layer that joins the label to the value `start` as the code does, or None.

    `side` are the calls that depend on the label alone. `calls` are those that depend on `start`;
    the last one makes the layer's output.
    """
    graph = matcher.graph
    both = [*side, *calls]
    # a call that stands for a user's module is not in the graph yet; it comes last
    both.sort(key=lambda call: graph.calls.index(call) if call in graph.calls else len(graph.calls))
    segment = Segment(graph, both, (start, label.value))
    for layer in candidates(matcher, segment, side):
        for norm in norms(both):
            net = lowered(layer, graph.shapes[start], label.input, norm)
            if net is not None and expresses(net, segment):
                entry = entry_of(layer, both)
                if norm:  # moved to the network's settings later: `join_label` has no such field
                    entry.fields["weight_norm"] = data(norm)
                return entry
    return None


def candidates(matcher: Matcher, segment: Segment, side: list[RecordedCall]) -> Iterator[Layer]:
    """Yield layers to try: kinds that need a label, then `join_label` with each condition."""
    known = settings_of(segment.graph, segment.calls)
    for kind in labelled():
        yield from guesses(kind, known, segment.shape)
    for condition in conditions(matcher, side):
        if layer := kind_with(layer_kinds()["join_label"], {"condition": condition}):
            yield layer


def conditions(matcher: Matcher, side: list[RecordedCall]) -> Iterator[Kind]:
    """Yield conditions to try: each kind, with the widths and activations of the calls `side`."""
    graph = matcher.graph
    sizes = [graph.shapes[call.output][0] for call in side if call.has_state]
    plain = [call for call in side if call not in graph.roles and not call.has_state]
    hidden = [layer for call in plain if (layer := matcher.layer([call]))]
    for name, kind in kinds_of("condition").items():
        if name == "none":
            continue
        fields = fields_of(kind)
        for values in product(*(_pool(field, sizes, hidden) for field in fields.values())):
            if condition := kind_with(kind, dict(zip(fields, values, strict=True))):
                yield condition


def _pool(field: Field, sizes: list[int], hidden: list[Layer]) -> list[object]:
    if field.type.family == "layer":
        return [*hidden, None]
    return list(field.type.literals) or [None, *dict.fromkeys(sizes)]
