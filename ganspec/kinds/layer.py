"""What every layer is: fields that are the YAML, and `call`, its meaning."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from ganspec.kinds.initializer import Initializer
from ganspec.kinds.weight_norm import WeightNorm
from ganspec.language.kinds import Kind
from ganspec.language.types import Name
from ganspec.program.ir import Call, Value
from ganspec.program.lowering import Lowering


class Layer(Kind, family="layer"):
    """One step of a network.

    `expects` says what the layer reads (`map`, `vector` or anything), `output_range` what its
    values lie between, `examples` are (fields, input shape) pairs that every test runs.

    The others are for comparisons. `role` is what kinds have in common that can replace each other,
    such as `norm` or `activation`; `noun` names the layer in a sentence where that is not `a` and
    its kind. `conditional` layers read or guess the label. `tells_size` has the size of the
    layer's map said with its name.
    """

    expects: ClassVar[str | None] = None
    output_range: ClassVar[tuple[float, float] | None] = None
    examples: ClassVar[list[tuple[dict | None, tuple[int, ...]]]] = []
    role: ClassVar[str] = ""
    noun: ClassVar[str] = ""
    conditional: ClassVar[bool] = False
    tells_size: ClassVar[bool] = False

    as_: Name | None = Field(None, alias="as", description="name of the value, for `from`")
    from_: Name | None = Field(None, alias="from", description="named value to read")

    def call(self, x: Value) -> Call:
        """The torch call that this layer is, given the value it reads."""
        raise NotImplementedError

    def lower(self, net: Lowering, x: Value) -> Value:
        """Add this layer's calls to `net`; the value they make."""
        return net.add(self.call(x), x)


class Weighted(Layer):
    """A layer with a weight, which a weight norm may wrap and an initializer may fill."""

    norm: WeightNorm | None = Field(None, description="weight norm in place of the network's")
    init: Initializer | None = Field(None, description="initial weights in place of the network's")

    def lower(self, net: Lowering, x: Value) -> Value:
        return net.add(self.weigh(net, self.call(x)), x, initialize=self.init)

    def weigh(self, net: Lowering, call: Call) -> Call:
        """`call` inside this layer's weight norm, or the network's."""
        return net.weigh(call, self.norm)
