"""A network's program as a comparison reads it: its layers, each with its calls and its values."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ganspec.comparison.calls import Placed, calls, external, groups, is_normed, key, opened
from ganspec.comparison.edits import Layer
from ganspec.comparison.models import models
from ganspec.compiler.builder import Builder
from ganspec.kinds.condition import Condition
from ganspec.kinds.layer import Weighted
from ganspec.language.errors import SpecError
from ganspec.language.kinds import Kind
from ganspec.program import ir
from ganspec.program.ir import START, Net, Value
from ganspec.program.measure import Cost, step_cost
from ganspec.systems.spec import Network, Spec
from ganspec.systems.wording import architecture, initial, phrase, spoken

INPUT, LABEL = 0, -1  # among the numbers of the layers that a layer reads


@dataclass(frozen=True)
class Leaf:
    """A layer of the spec in the program.

    `calls` are its torch calls with all arguments but the widths that its inputs settle and the
    weight norm, `said` the fields of the spec's layer as texts, `norm` its weight norm. Leaves of
    equal calls are one layer in two spellings; leaves that say the same are one layer at two
    places.
    """

    layer: Layer
    model: Kind | None
    steps: tuple[Placed, ...]
    said: dict[str, str]
    norm: str | None
    calls: tuple

    @property
    def role(self) -> str:
        """What it does in a network; only a layer of the same role can take its place."""
        if self.model is None:
            return "output"
        if isinstance(self.model, Condition):
            return "label"
        kind = self.layer.kind
        # activations share a file, and pools do
        return "norm" if kind.endswith("_norm") else type(self.model).__module__

    def is_same(self, other: Leaf) -> bool:
        """Whether both are the same layer, but for the weight norm."""
        if self.calls == other.calls:
            return True
        return type(self.model) is type(other.model) and self.said == other.said


class Program:
    """One network of a spec as leaves, in order; the last stands for what it gives back.

    `measured` are costs that are known already, by call and input shapes.
    """

    def __init__(self, spec: Spec, name: str, net: Net, measured: dict[object, Cost]):
        self.spec, self.name, self.net = spec, name, net
        self.network: Network = getattr(spec, name)
        self._measured = measured
        self._models = models(spec, name)
        aliases: dict[int, int] = {}
        steps = list(opened(net, aliases))
        self._makers = {
            start.value.id: n for start, n in zip(net.inputs, (INPUT, LABEL), strict=False)
        }
        self.leaves = [self._leaf(n, group) for n, group in enumerate(groups(steps), 1)]
        # a head is given back by what it is, an auxiliary classifier
        result = aliases.get(net.output.id, net.output.id)
        self.leaves.append(self._output(self._makers[result]))

    @property
    def labels(self) -> Value | None:
        label = self.spec.label_input
        return label.value if label else None

    def _leaf(self, number: int, steps: list[Placed]) -> Leaf:
        first, last = steps[0], steps[-1].step
        reads = tuple(self._makers[i] for i in external(steps))
        self._makers |= {placed.step.output.id: number for placed in steps}
        origin = first.step.origin
        model = self._models.get(origin.path)
        costs = [self._cost(placed) for placed in steps]
        layer = Layer(
            number,
            origin.path,
            model.kind,
            self._text(model),
            first.inside,
            last.output.shape,
            reads,
            sum(cost.params for cost in costs),
            sum(cost.macs for cost in costs),
            origin.mark,
        )
        norm = self._weight_norm(steps, model)
        return Leaf(layer, model, tuple(steps), fields(model), norm, calls(steps))

    def _text(self, model: Kind) -> str:
        text = phrase(model, self.spec.framework)
        return f"label: {text}" if isinstance(model, Condition) else text

    def _output(self, read: int) -> Leaf:
        shape, number = self.net.output.shape, len(self.leaves) + 1
        layer = Layer(number, self.name, "output", "output", (), shape, (read,), 0, 0)
        return Leaf(layer, None, (), {}, None, ("output",))

    def _weight_norm(self, steps: list[Placed], model: Kind) -> str | None:
        """The weight norm around the layer's calls, as a text; None where no weight could be."""
        if not isinstance(model, Weighted) and not any(is_normed(p.step.call) for p in steps):
            return None
        norm = getattr(model, "norm", None) or self.network.norm
        return spoken(norm) if norm and norm.wrap() else "none"

    def _cost(self, placed: Placed) -> Cost:
        shapes = tuple((value.shape, value.is_index) for value in placed.inputs)
        known = (key(placed.step.call), shapes)
        if known not in self._measured:
            self._measured[known] = step_cost(placed.step, list(placed.inputs), macs=True)
        return self._measured[known]

    def recalled(self, leaf: Leaf, values: dict[str, object]) -> tuple | None:
        """The calls that `leaf` would be with other values of its fields; None if it could not."""
        unnamed = {name: None for name in ("as_", "from_") if hasattr(leaf.model, name)}
        model = leaf.model.model_copy(update=unnamed | values)
        inputs = {i: v for p in leaf.steps for i, v in zip(p.reads, p.inputs, strict=True)}
        x = next((v for i, v in inputs.items() if self._makers[i] != LABEL), None)
        if x is None:
            return None
        x = replace(x, id=START)  # the ids of what is made here count from 0
        net = Builder(self.network, self.spec.scope, self.labels)
        try:
            net.join(model, x) if isinstance(model, Condition) else net.layer(model, x)
        except SpecError:
            return None
        made = {START: x, ir.LABEL: net.labels} | {
            step.output.id: step.output for step in net.steps
        }
        return calls([Placed(s, s.inputs, tuple(made[i] for i in s.inputs)) for s in net.steps])


def fields(model: Kind) -> dict[str, str]:
    """What a layer says by itself, as texts; its weight norm stands elsewhere."""
    found = {name: spoken(getattr(model, name)) for name in architecture(type(model))}
    found.pop("norm", None)
    if "init" in found:
        found["init"] = initial(model.init)
    return found
