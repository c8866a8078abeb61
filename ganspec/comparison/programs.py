"""The layers of a network for a comparison, with their calls, fields and weight norms."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import reduce
from itertools import groupby

from ganspec.comparison.calls import (
    CallKeys,
    OpenedStep,
    calls,
    external,
    is_normed,
    key,
    open_blocks,
)
from ganspec.comparison.edits import OUTPUT, ComparedLayer
from ganspec.comparison.models import LayerModel, models
from ganspec.compiler.builder import Builder
from ganspec.kinds.condition import Condition
from ganspec.kinds.layer import Layer, Weighted
from ganspec.language.errors import SpecError
from ganspec.language.unread import NOT_READ
from ganspec.program import ir
from ganspec.program.ir import START, Net, Value
from ganspec.program.measure import Cost, add, step_cost
from ganspec.systems.spec import Network, Spec
from ganspec.systems.wording import architecture, initial, phrase, spoken

INPUT, LABEL = 0, -1  # numbers for the network's input and label in `ComparedLayer.reads`


@dataclass(frozen=True)
class Leaf:
    """A layer of the spec with its part of the program.

    `calls` are its torch calls without weight norm and input widths, and then the names of its
    unknown fields. `fields` are texts of the fields of `model`, without the weight norm. `norm` is
    the text of the weight norm, "none" if there is none, NOT_READ if it is unknown; None for a
    layer to which weight norms do not apply. Two leaves are the same layer if their calls are
    equal, however the spec writes the layers, or if their kinds and fields are equal, whatever
    shapes the layers read.
    """

    layer: ComparedLayer
    model: LayerModel | None  # None for the network's output
    steps: tuple[OpenedStep, ...]
    fields: Mapping[str, str]
    norm: str | None
    calls: CallKeys

    @property
    def role(self) -> str:
        """The layer's role, such as `norm`, or else its kind; `label` for a condition."""
        if isinstance(self.model, Condition):
            return "label"
        return (isinstance(self.model, Layer) and self.model.role) or self.layer.kind

    @property
    def known_calls(self) -> CallKeys:
        """The `calls` without the names of unknown fields."""
        return self.calls[: len(self.calls) - len(self.model.unread if self.model else ())]

    def is_same(self, other: Leaf) -> bool:
        """Return True if both are the same layer, whatever their weight norms."""
        if self.calls == other.calls:
            return True
        return type(self.model) is type(other.model) and self.fields == other.fields


class NetworkLayers:
    """One network of a spec as leaves, in order; the last stands for the network's output.

    `measured` is a cache of costs, which several networks may fill. Its keys have all that a cost
    depends on: the call, the shapes of its inputs, and which counts depend on unknown labels.
    """

    def __init__(self, spec: Spec, name: str, net: Net, measured: dict[object, Cost]):
        self.spec, self.name, self.net = spec, name, net
        self.network: Network = getattr(spec, name)
        self._measured = measured
        self._models = models(spec, name)
        aliases: dict[int, int] = {}
        steps = list(open_blocks(net, aliases))
        # by the id of a value: the number of the layer that makes it
        self._makers = {
            start.value.id: n for start, n in zip(net.inputs, (INPUT, LABEL), strict=False)
        }
        # a layer may be several calls: pad, then conv
        layers = groupby(steps, key=lambda each: each.step.origin.path)
        self.leaves = [self._leaf(n, list(group)) for n, (_, group) in enumerate(layers, 1)]
        # only the main output counts: the layers of an auxiliary classifier have their own leaves
        result = aliases.get(net.output.id, net.output.id)
        self.leaves.append(self._output(self._makers[result]))

    @property
    def layers(self) -> list[ComparedLayer]:
        """The layers in order, without the network's output."""
        return [leaf.layer for leaf in self.leaves[:-1]]

    @property
    def label(self) -> Value | None:
        """The label as an input of the program; None if the spec has no label."""
        labels = (start for start in self.net.inputs if start.role == "label")
        start = next(labels, self.spec.label_input)
        return start.value if start else None

    def _leaf(self, number: int, steps: list[OpenedStep]) -> Leaf:
        origin = steps[0].step.origin
        reads = tuple(self._makers[i] for i in external(steps))
        self._makers |= {each.step.output.id: number for each in steps}
        model = self._models[origin.path]
        cost = reduce(add, map(self._cost, steps))
        text = phrase(model, self.spec.framework)
        layer = ComparedLayer(
            number=number,
            path=origin.path,
            kind=model.kind,
            text=f"label: {text}" if isinstance(model, Condition) else text,
            inside=steps[0].inside,
            shape=cost.output,
            reads=reads,
            params=cost.params,
            macs=cost.macs or 0,
            mark=origin.mark,
            lost=cost.lost,
        )
        norm = self._weight_norm(steps, model)
        # with the names of unknown fields, so that a stand-in for a value equals no known value
        keys: CallKeys = (*calls(steps), *model.unread)
        return Leaf(layer, model, tuple(steps), _fields(model), norm, keys)

    def _output(self, read: int) -> Leaf:
        shape, number = self.net.output.shape, len(self.leaves) + 1
        layer = ComparedLayer(number, self.name, OUTPUT, OUTPUT, (), shape, (read,))
        return Leaf(layer, None, (), {}, None, (OUTPUT,))

    def _weight_norm(self, steps: list[OpenedStep], model: LayerModel) -> str | None:
        """Return the text `Leaf.norm` of a layer."""
        if not isinstance(model, Weighted) and not any(is_normed(s.step.call) for s in steps):
            return None
        own = getattr(model, "weight_norm", None)
        if "weight_norm" in model.unread or (
            own is None and "normalization" in self.network.unread
        ):
            return NOT_READ
        norm = own or self.network.weight_norm
        return spoken(norm) if norm and norm.wrap() else "none"

    def _cost(self, step: OpenedStep) -> Cost:
        shapes = tuple((value.shape, value.is_index) for value in step.inputs)
        known = (key(step.step.call), shapes, step.step.origin.lost)
        if known not in self._measured:
            self._measured[known] = step_cost(step.step, list(step.inputs), macs=True)
        return self._measured[known]

    def calls_with(self, leaf: Leaf, fields: Mapping[str, object]) -> CallKeys | None:
        """Return the calls that `leaf` would make if its fields had the values `fields`.

        Return None for the network's output, for a layer that reads only the label, and if the
        layer cannot have these values.
        """
        if leaf.model is None:
            return None
        unnamed = {name: None for name in ("as_", "from_") if hasattr(leaf.model, name)}
        model = leaf.model.model_copy(update={**unnamed, **fields})
        inputs = {i: v for s in leaf.steps for i, v in zip(s.reads, s.inputs, strict=True)}
        x = next((v for i, v in inputs.items() if self._makers[i] != LABEL), None)
        if x is None:
            return None
        x = replace(x, id=START)  # an id that no new value gets; theirs are 0 and up
        builder = Builder(self.network, self.spec.scope, self.label)
        try:
            builder.join(model, x) if isinstance(model, Condition) else builder.layer(model, x)
        except SpecError:
            return None
        values = {START: x} | {step.output.id: step.output for step in builder.steps}
        if self.label:
            values[ir.LABEL] = self.label
        return calls(
            OpenedStep(step, step.inputs, tuple(values[i] for i in step.inputs))
            for step in builder.steps
        )


def _fields(model: LayerModel) -> dict[str, str]:
    """Return {name: text} of a layer's fields; unread ones have the text NOT_READ.

    The weight norm, lists of kinds such as `layers`, and fields that name outputs are left out.
    """
    names = [name for name in architecture(type(model)) if name != "weight_norm"]
    fields = {n: (initial if n == "init" else spoken)(getattr(model, n)) for n in names}
    return fields | {name: NOT_READ for name in model.unread if name in fields}
