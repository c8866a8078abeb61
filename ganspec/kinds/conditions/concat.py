"""The label appended to a vector, or to a map as channels."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from ganspec.kinds.condition import Condition
from ganspec.kinds.conditions.label import concatenate, label_vector, linear
from ganspec.kinds.layer import Layer, Lowering
from ganspec.language.types import Width
from ganspec.program.ir import Value


class ConcatCondition(Condition, kind="concat"):
    """Appends the label, one-hot or multi-hot, to a vector (Mirza & Osindero, 2014).

    To a map it adds one channel per number of the label, with that number at every position.
    """

    primary: ClassVar = "size"

    size: Width | None = Field(
        None, description="number of outputs of a linear layer that is applied to the label first"
    )
    hidden: Layer | None = Field(None, description="activation after the linear layer")

    def join(self, net: Lowering, x: Value) -> Value:
        label = label_vector(net)
        if self.size is not None:
            label = linear(net, label, self.size, self.hidden)
        elif self.hidden is not None:
            help = "add `size`, the number of the linear layer's outputs"
            net.refuse("bad-value", "`hidden` needs a linear layer before it", None, help)
        return concatenate(net, x, label)
