"""Build the steps of a program from the layers of one network or block.

The shape of each result comes from torch itself, which runs the call (`program/probe.py`).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import NoReturn

from torch import nn

from ganspec.compiler.layout import widths
from ganspec.compiler.own_kinds import blamed, must_be, unfit
from ganspec.kinds.condition import Condition
from ganspec.kinds.initializer import Initializer, filling
from ganspec.kinds.layer import Layer, Lowering, Weighted
from ganspec.kinds.layers.block import Block
from ganspec.kinds.weight_norm import WeightNorm
from ganspec.language.errors import Mark, fail, suggestion
from ganspec.language.expr import Width, evaluate
from ganspec.program.ir import Call, Input, Net, Origin, Step, Value
from ganspec.program.probe import ProbeError, probe
from ganspec.systems.spec import Network


class Builder(Lowering):
    """Collects the steps that the layers of one network or block add by the methods of `Lowering`.

    `scope` has the values of names in expressions. `labels` is the label, an input, or None if the
    network gets none. `parent` is the builder of the network or block around a block; it is None
    for a network. `heads` are outputs of the network by name.
    """

    def __init__(
        self,
        network: Network,
        scope: dict[str, int | float],
        labels: Value | None = None,
        parent: Builder | None = None,
    ):
        self.network, self.scope, self.labels = network, scope, labels
        self.norms_read: list[Layer | WeightNorm | None] = parent.norms_read if parent else []
        self.is_block = parent is not None
        self.heads: dict[str, Value] = {}
        self.steps: list[Step] = []
        self.taps: dict[str, Value] = {}
        self.tap_marks: dict[str, Mark | None] = {}
        self.read: set[int] = set()
        self.branches: list[str | None] = [None]
        # layers and conditions that are being lowered, the innermost last
        self.parts: list[Layer | Condition] = [parent.at] if parent else []
        self.ids: Iterator[int] = parent.ids if parent else itertools.count()

    # -- for layers ---------------------------------------------------------------------------

    @property
    def weight_norm(self) -> WeightNorm | None:
        self.norms_read.append(self.network.weight_norm)
        return self.network.weight_norm

    @property
    def activation_norm(self) -> Layer | None:
        self.norms_read.append(self.network.activation_norm)
        return self.network.activation_norm

    @property
    def condition(self) -> Condition | None:
        return self.network.condition

    def add(self, call: Call, *inputs: Value, initialize: Initializer | None = None) -> Value:
        if getattr(type(self.at), "lower", None) in (Layer.lower, Weighted.lower):
            must_be(self.at, call, Call, "call", "return `Call(nn.ReLU)`: a class or a function")
        elif not isinstance(call, Call):
            help = "write `net.add(Call(nn.ReLU), x)`: a class or a function"
            unfit(self.at, "gives `net.add` something other than a `Call`", help)
        shape = self._shape(call, inputs)
        channels = inputs[0].channels if call.channels is None else call.channels
        if shape[:1] != (int(channels),):
            channels = Width(shape[0] if shape else 1)
        kind = self.at.block if isinstance(self.at, Block) else self.at.kind
        origin = Origin(self.at.key_path, kind, self.at.mark, self.at.unread)
        value = Value(next(self.ids), shape, channels, origin)
        fill = filling(initialize)
        ids = tuple(v.id for v in inputs)
        self.read.update(ids)
        self.steps.append(Step(call, ids, value, origin, self.branches[-1], initialize=fill))
        return value

    def flatten(self, x: Value) -> Value:
        if not x.is_map:
            return x
        height, width = x.size
        return self.add(Call(nn.Flatten, channels=x.channels * height * width), x)

    def layers(self, layers: Iterable[Layer], x: Value, branch: str | None = None) -> Value:
        with self.branch(branch or self.branches[-1]):
            for layer in layers:
                x = self.layer(layer, x)
        return x

    @contextmanager
    def branch(self, name: str | None) -> Iterator[None]:
        self.branches.append(name)
        yield
        self.branches.pop()

    def wrap(self, call: Call, norm: WeightNorm | None = None) -> Call:
        norm = norm or self.weight_norm
        return call.wrapped(norm.call() if norm else None)

    @property
    def label(self) -> Value:
        if self.labels is None:
            message = f"{self.at.kind} reads labels"
            is_own = self.at is self.network.condition or self._stands_for() == "condition"
            help = "write `condition: none` in the network" if is_own else None
            self.refuse("missing-condition", message, None, help)  # `lower.py` completes it
        return self.labels

    @property
    def at(self) -> Layer | Condition:
        """The layer or condition that is being lowered."""
        return self.parts[-1]

    @property
    def key_path(self) -> str:
        return self.at.key_path

    def join(self, condition: Condition, x: Value) -> Value:
        self.parts.append(condition)
        with self.branch("label"):
            x = self._made(condition, "join", x)
        self.parts.pop()
        return x

    def _made(self, part: Layer | Condition, method: str, x: Value) -> Value:
        """Return the vector or map that `method` of a layer or condition makes from `x`.

        Raise SpecError if a layer refuses `x`, or if a user's own kind raises an error or returns
        anything else.
        """
        with blamed(part):
            made = getattr(part, method)(self, x)
        must_be(part, made, Value, method, "return what `net.add` returns")
        if part.is_own and len(made.shape) not in (1, 3):
            what = (
                f"{made}, neither a vector nor a map" if made.shape else "one number for each image"
            )
            unfit(part, f"makes {what}", "return N x C or N x C x H x W")
        return made

    def layer(self, layer: Layer, x: Value) -> Value:
        # a layer without a place in the spec was made by another layer: errors name that one
        self.parts.append(layer if layer.mark or not self.parts else self.at)
        if layer.from_:
            x = self.tapped(layer.from_)
        if layer.expects == "map" and not x.is_map:
            message, help = f"a map, got a vector of {x}", "put project or reshape before it"
            self.refuse("shape-mismatch", f"{layer.kind} expects {message}", x, help)
        if layer.expects == "vector" and x.is_map:
            message, help = f"a vector, got {x}", "put flatten, sum_pool or mean_pool before it"
            self.refuse("shape-mismatch", f"{layer.kind} expects {message}", x, help)
        x = self._made(layer, "lower", x)
        if layer.as_:
            self._tap(layer.as_, x)
        self.parts.pop()
        return x

    def _tap(self, name: str, value: Value) -> None:
        """Let later layers read `value` by `name`. Raise SpecError if the name is taken."""
        if name in self.taps:
            message, help = f"`{name}` is the name of another layer's value", "choose another name"
            if self.at.mark and self.at.mark == self.tap_marks[name]:
                message = f"each round of the repeat would name its value `{name}`"
                help = f"name the last round's: `identity: {{as: {name}}}` after the repeat"
            self.refuse("duplicate-name", message, None, help)
        self.taps[name], self.tap_marks[name] = value, self.at.mark
        for i, step in enumerate(self.steps):
            if step.output.id == value.id:
                self.steps[i] = replace(step, tap=name)

    def tapped(self, name: str) -> Value:
        if name not in self.taps:
            known = suggestion(name, self.taps, "named values") if self.taps else ""
            message = f"no earlier layer is named `{name}`"
            help = known or f"write `as: {name}` in a layer above"
            self.refuse("unknown-name", message, None, help)
        return self.taps[name]

    def refuse(
        self, code: str, message: str, value: Value | None, help: str | None = None
    ) -> NoReturn:
        notes = []
        if value is not None and value.origin is not None and value.origin.mark:
            place = value.origin.mark.seen_from(self.at.mark)
            notes = [f"the value comes from {value.origin.kind} at {place}"]
        elif value is not None:
            notes = ["the value is the network's input"]
        if key := self._stands_for():
            notes.append(f"{self.parts[-2].kind} stands for the network's `{key}`")
            another = f"write another `{key}`"
            another += ", such as `layer`" if key == "normalization" else ""
            # without labels, another condition would fail as well
            if key == "normalization" or code != "missing-condition":
                help = f"{help}, or {another}" if help else another
        fail(code, message, self.at.mark, help, *notes)

    def _stands_for(self) -> str | None:
        """Return the network's key whose value is being lowered in place of a layer, or None.

        The key is `normalization` in place of the layer `norm`, `condition` for `join_label`.
        """
        if len(self.parts) < 2 or self.parts[-2].key_path != self.at.key_path:
            return None
        return {"norm": "normalization", "join_label": "condition"}.get(self.parts[-2].kind)

    # -- blocks -------------------------------------------------------------------------------

    def block(self, layer: Block, x: Value) -> Value:
        label: Value | None = None
        own: dict[str, int | float] = {"in_channels": x.channels}
        if self.labels is not None:
            own["label_size"] = self.labels.channels
            named = Width(self.labels.channels, "label_size")
            label = replace(self.labels, id=next(self.ids), channels=named)
        inner = Builder(self.network, self.scope, label, self)
        start = Value(next(self.ids), x.shape, Width(x.channels, "in_channels"), x.origin)
        end = inner.layers(layer.layers, start)
        inner.check_all_read(end)
        own |= {k: v for k, v in layer.arguments.items() if isinstance(v, (int, float))}
        params = inner.parameters(own)
        net = Net(
            name="".join(part.capitalize() for part in layer.block.split("_")),
            doc=layer.doc,
            params={n: Width(v, n) for n, v in params.items()},
            inputs=inner.inputs(Input("x", start)),
            steps=tuple(inner.steps),
            outputs={"value": end},
            is_block=True,
        )
        # the result's channels in names that are known outside of the block: `2 * ch` for `out`
        channels = evaluate(end.channels.text, {**self.scope, **own})
        assert isinstance(channels, Width)
        labels = [self.labels] if self.labels and net.conditional else []
        return self.add(Call(net, *params.values(), channels=channels), x, *labels)

    def inputs(self, start: Input) -> tuple[Input, ...]:
        """Return the inputs of `forward`: `start`, then the labels if a step reads them."""
        if self.labels is None or self.labels.id not in self.read:
            return (start,)
        return (start, Input("y", self.labels, "label"))

    def parameters(self, own: dict[str, int | float]) -> dict[str, int]:
        """Return the emitted constructor's parameters with their values, those in `own` first.

        They are the integers of `own` and `scope` whose names the steps' arguments contain.
        """
        names = {n for step in self.steps for width in widths(step.call) for n in width.names()}
        known = {**own, **self.scope, **own}  # `own` twice: for its order and for its values
        return {k: v for k, v in known.items() if k in names and isinstance(v, int)}

    def check_all_read(self, end: Value) -> None:
        """Raise SpecError at the first step whose output nothing reads.

        `end` and the outputs in `heads` need not be read by another step.
        """
        read = {end.id, *(head.id for head in self.heads.values())} | self.read
        for step in self.steps:
            if step.output.id not in read:
                message = f"nothing reads what {step.origin.kind} makes"
                help = "remove it, or read it with `from:`, `concat` or `add`"
                fail("unused-layer", message, step.origin.mark, help)

    # -- shapes -------------------------------------------------------------------------------

    def _shape(self, call: Call, inputs: tuple[Value, ...]) -> tuple[int, ...]:
        """Return the shape of a call's result without the batch dimension.

        Raise SpecError if torch cannot run the call, or if the result is empty or too large.
        """
        if isinstance(call.target, Net):
            return call.target.output.shape  # a block's steps were run when it was lowered
        try:
            return probe(call, inputs)
        except ProbeError as error:
            message = f"{self.at.known_as} cannot read {inputs[0]}: {error}"
            self.refuse("shape-mismatch", message, inputs[0])
