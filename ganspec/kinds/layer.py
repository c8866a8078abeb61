"""Base classes of layers, and the lowering that turns layers into steps."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from typing import Any, ClassVar, NoReturn, Protocol, TypeAlias

from pydantic import Field

from ganspec.kinds.initializer import Initializer
from ganspec.kinds.weight_norm import WeightNorm
from ganspec.language.kinds import Kind
from ganspec.language.types import Name
from ganspec.program.ir import Call, Value

Examples: TypeAlias = Sequence[tuple[dict[str, Any] | None, tuple[int, ...]]]


class Lowering(Protocol):
    """The steps of one network or block while its layers add to them.

    `is_block` is True for a block of the spec. `heads` are the network's further outputs by name,
    `normalization` is the layer that `norm` stands for, and `weight_norm` the weight norm of layers
    without one of their own.
    """

    is_block: bool
    heads: dict[str, Value]
    normalization: Layer | None
    weight_norm: WeightNorm | None

    @property
    def label(self) -> Value:
        """The label. Raises SpecError if the spec has none."""

    @property
    def place(self) -> str:
        """Key path of the layer or condition that adds steps."""

    def add(self, call: Call, *inputs: Value, initialize: Initializer | None = None) -> Value:
        """Add one step and return its value."""

    def flatten(self, x: Value) -> Value:
        """Return `x` as a vector."""

    def weigh(self, call: Call, norm: WeightNorm | None = None) -> Call:
        """Return `call` inside the weight norm `norm`, or the network's own."""

    def tapped(self, name: str) -> Value:
        """Return the value that an earlier layer named. Raise SpecError if there is none."""

    def layer(self, layer: Layer, x: Value) -> Value:
        """Add one layer's steps and return the last value."""

    def layers(self, layers: Iterable[Layer], x: Value, branch: str | None = None) -> Value:
        """Add layers one after another; `branch` names their module in emitted source."""

    def branch(self, name: str | None) -> AbstractContextManager[None]:
        """Name the modules that a `with` block adds."""

    def join(self, condition: Any, x: Value) -> Value:  # a Condition, whose file imports this one
        """Join the label to `x` by a condition."""

    def block(self, layer: Any, x: Value) -> Value:  # a Block, whose file imports this one
        """Add a call of one of the spec's blocks."""

    def refuse(
        self, code: str, message: str, value: Value | None, help: str | None = None
    ) -> NoReturn:
        """Raise SpecError at the layer that adds steps; `value` is what it cannot read."""


class Layer(Kind, family="layer"):
    """An entry of a network's `layers`: one torch call, or several.

    A kind defines `call`, or `lower` if it is several calls. `expects` is `map`, `vector`, or None
    for a layer that reads either. `output_range` holds the bounds of the result's numbers, None if
    they have none. `examples` are pairs of fields and an input shape without the batch: tests run
    them, and `ganspec import` recognises the layer by them.

    The others are for comparisons. Kinds of one `role`, such as `norm` or `activation`, can replace
    each other. `noun` is the layer in a sentence, by default `a` with its kind. `conditional`
    layers read or guess the label. `tells_size` adds the map: `self attention at 8 x 8`.
    """

    expects: ClassVar[str | None] = None
    output_range: ClassVar[tuple[float, float] | None] = None
    examples: ClassVar[Examples] = []
    role: ClassVar[str] = ""
    noun: ClassVar[str] = ""
    conditional: ClassVar[bool] = False
    tells_size: ClassVar[bool] = False

    as_: Name | None = Field(None, alias="as", description="name of the value, for `from`")
    from_: Name | None = Field(None, alias="from", description="named value to read")

    def call(self, x: Value) -> Call:
        """Return the torch call on `x`: a module class or a function, with its arguments."""
        raise NotImplementedError

    def lower(self, net: Lowering, x: Value) -> Value:
        """Add this layer's calls to `net` and return the last value."""
        return net.add(self.call(x), x)


class Weighted(Layer):
    """A layer with a weight, which a weight norm may wrap and an initializer may fill."""

    norm: WeightNorm | None = Field(None, description="weight norm in place of the network's")
    init: Initializer | None = Field(None, description="initial weights in place of the network's")

    def lower(self, net: Lowering, x: Value) -> Value:
        return self.add(net, self.call(x), x)

    def add(self, net: Lowering, call: Call, x: Value) -> Value:
        """Add a call with a weight, under this layer's weight norm and initial weights."""
        return net.add(net.weigh(call, self.norm), x, initialize=self.init)
