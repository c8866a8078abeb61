"""The steps of one network or block, gathered: torch itself is the shape rule."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace

from torch import nn

from ganspec.kinds.condition import Condition
from ganspec.kinds.layer import Layer
from ganspec.kinds.layers.block import Block
from ganspec.kinds.weight_norm import WeightNorm
from ganspec.language.errors import Diagnostic, SpecError, suggestion
from ganspec.language.expr import Width, evaluate
from ganspec.program.ir import Call, Input, Net, Origin, Step, Value
from ganspec.program.probe import ProbeError, probe
from ganspec.systems.spec import Network


class Builder:
    """Collects the steps of one network or block, which may read `labels`."""

    def __init__(
        self,
        network: Network,
        scope: dict,
        labels: Value | None = None,
        parent: Builder | None = None,
    ):
        self.weight_norm, self.normalization = network.norm, network.normalization
        self.network, self.scope, self.labels = network, scope, labels
        self.is_block = parent is not None
        self.heads: dict[str, Value] = {}
        self.steps: list[Step] = []
        self.taps: dict[str, Value] = {}
        self.read: set[int] = set()
        self.branches: list[str | None] = [None]
        self.at: Layer | Condition | None = parent.at if parent else None
        self.ids = parent.ids if parent else itertools.count()

    # -- for layers ---------------------------------------------------------------------------

    def add(self, call: Call, *inputs: Value, initialize=None) -> Value:
        """One more step; its shape is what torch makes of it."""
        shape = self.shape(call, inputs)
        channels = inputs[0].channels if call.channels is None else call.channels
        if int(channels) != shape[0]:
            channels = Width(shape[0])
        origin = Origin(self.at.path, self.at.kind, self.at.mark)
        if isinstance(self.at, Block):
            origin = Origin(self.at.path, self.at.block, self.at.mark)
        value = Value(next(self.ids), shape, channels, origin)
        fill = initialize.call() if initialize else None
        ids = tuple(v.id for v in inputs)
        self.read.update(ids)
        self.steps.append(Step(call, ids, value, origin, self.branches[-1], initialize=fill))
        return value

    def flatten(self, x: Value) -> Value:
        """`x` as a vector."""
        if not x.is_map:
            return x
        height, width = x.size
        return self.add(Call(nn.Flatten, channels=x.channels * height * width), x)

    def layers(self, layers: Iterable[Layer], x: Value, branch: str | None = None) -> Value:
        """`x` through `layers`; `branch` names what they become in emitted source."""
        with self.branch(branch or self.branches[-1]):
            for layer in layers:
                x = self.layer(layer, x)
        return x

    @contextmanager
    def branch(self, name: str | None) -> Iterator[None]:
        """Within the block, modules are called `name` in emitted source."""
        self.branches.append(name)
        yield
        self.branches.pop()

    def weigh(self, call: Call, norm: WeightNorm | None = None) -> Call:
        """`call` inside `norm`, or the network's own weight norm."""
        norm = norm or self.weight_norm
        return call.wrapped(norm.wrap() if norm else None)

    @property
    def label(self) -> Value:
        """The label; raises SpecError where the spec has none."""
        if self.labels is None:
            message = f"{self.at.kind} reads labels, the spec does not say what they are"
            help = "add `condition: {kind: classes, size: 10}` to the spec's top level"
            self.refuse("missing-condition", message, None, help)
        return self.labels

    @property
    def place(self) -> str:
        """Key path of the layer or condition that is being lowered."""
        return self.at.path

    def join(self, condition: Condition, x: Value) -> Value:
        """`x` with the label joined to it."""
        outer, self.at = self.at, condition
        with self.branch("label"):
            x = condition.join(self, x)
        self.at = outer
        return x

    def layer(self, layer: Layer, x: Value) -> Value:
        """`x` through one layer."""
        outer, self.at = self.at, layer if layer.mark or self.at is None else self.at
        if layer.from_:
            x = self.tapped(layer.from_)
        if layer.expects == "map" and not x.is_map:
            help = "put project or reshape before it"
            self.refuse(
                "shape-mismatch",
                f"{layer.kind} expects a map, got a vector of {x}",
                x,
                help,
            )
        if layer.expects == "vector" and x.is_map:
            help = "put flatten, sum_pool or mean_pool before it"
            self.refuse("shape-mismatch", f"{layer.kind} expects a vector, got {x}", x, help)
        x = layer.lower(self, x)
        if layer.as_:
            self.tap(layer.as_, x)
        self.at = outer
        return x

    def tap(self, name: str, value: Value) -> None:
        """Remember `value` as `name`."""
        if name in self.taps:
            self.refuse("duplicate-name", f"`{name}` is the name of another layer's value", None)
        self.taps[name] = value
        for i, step in enumerate(self.steps):
            if step.output.id == value.id:
                self.steps[i] = replace(step, tap=name)

    def tapped(self, name: str) -> Value:
        """The value that an earlier layer named."""
        if name not in self.taps:
            help = (
                suggestion(name, self.taps, "named values") if self.taps else "give a layer `as:`"
            )
            self.refuse("unknown-name", f"no earlier layer is named `{name}`", None, help)
        return self.taps[name]

    def refuse(self, code: str, message: str, value: Value | None, help: str | None = None) -> None:
        """Raise a SpecError at the layer being lowered, saying where `value` comes from."""
        notes = ()
        if value is not None and value.origin is not None and value.origin.mark:
            origin = value.origin
            notes = (
                f"the value comes from {origin.kind} at {origin.mark.seen_from(self.at.mark)}",
            )
        elif value is not None:
            notes = ("the value is the network's input",)
        raise SpecError([Diagnostic(code, message, self.at.mark, notes, help)])

    # -- blocks -------------------------------------------------------------------------------

    def block(self, layer: Block, x: Value) -> Value:
        """A call of a block: its own program, one step here."""
        label, outer = None, {"in_channels": x.channels}
        if self.labels is not None:
            outer["label_size"] = self.labels.channels
            named = Width(self.labels.channels, "label_size")
            label = replace(self.labels, id=next(self.ids), channels=named)
        inner = Builder(self.network, self.scope, label, self)
        start = Value(next(self.ids), x.shape, Width(x.channels, "in_channels"), x.origin)
        end = inner.layers(layer.layers, start)
        inner.finish(end)
        outer |= layer.arguments
        params = self.parameters(inner.steps, outer)
        title = "".join(part.capitalize() for part in layer.block.split("_"))
        net = Net(
            title,
            layer.doc,
            {n: Width(v, n) for n, v in params.items()},
            inner.inputs(Input("x", start)),
            tuple(inner.steps),
            {"value": end},
            is_block=True,
        )
        # in the words of the caller: `out` becomes what the call gave for it
        channels = evaluate(end.channels.text, {**self.scope, **outer})
        labels = [self.labels] if net.conditional else []
        return self.add(Call(net, *params.values(), channels=channels), x, *labels)

    def inputs(self, start: Input) -> tuple[Input, ...]:
        """What `forward` takes: labels only where a step reads them."""
        if self.labels is None or self.labels.id not in self.read:
            return (start,)
        return (start, Input("y", self.labels, "label"))

    def parameters(self, steps: list[Step], own: dict[str, Width]) -> dict[str, Width]:
        """Constructor parameters that `steps` need: of `own` first, then of the spec's vars."""
        named = {name for step in steps for width in widths(step.call) for name in width.names()}
        known = {**own, **{k: v for k, v in self.scope.items() if k not in own}}
        return {name: width for name, width in known.items() if name in named}

    def finish(self, end: Value) -> None:
        """Refuse steps whose value nothing reads."""
        for step in self.steps:
            read = {end.id, *(head.id for head in self.heads.values())} | self.read
            if step.output.id not in read:
                mark, kind = step.origin.mark, step.origin.kind
                message = f"nothing reads what {kind} makes"
                help = "remove it, or read it with `from:`, `concat` or `add`"
                raise SpecError([Diagnostic("unused-layer", message, mark, (), help)])

    # -- shapes -------------------------------------------------------------------------------

    def shape(self, call: Call, inputs: tuple[Value, ...]) -> tuple[int, ...]:
        """Shape of `call`'s result, as torch has it."""
        if isinstance(call.target, Net):
            return call.target.output.shape  # probed while it was lowered
        try:
            return probe(call, inputs)
        except ProbeError as error:
            message = f"{self.at.kind} cannot read {inputs[0]}: {error}"
            self.refuse("shape-mismatch", message, inputs[0])


def widths(argument: object) -> Iterable[Width]:
    """Every width in a call's arguments."""
    if isinstance(argument, Call):
        for part in (*argument.args, *argument.kwargs.values()):
            yield from widths(part)
    elif isinstance(argument, tuple):
        for part in argument:
            yield from widths(part)
    elif isinstance(argument, Width):
        yield argument
