"""The label behind the numbers or channels of a value."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from ganspec.kinds.condition import Condition
from ganspec.kinds.conditions.label import concatenate, label_vector, linear
from ganspec.kinds.layer import Layer, Lowering
from ganspec.language.types import Width
from ganspec.program.ir import Value


class ConcatCondition(Condition, kind="concat"):
    """The label, one-hot or multi-hot, behind a vector (Mirza & Osindero, 2014).

    To a map it adds a channel for each of its numbers, with that number at every place.
    """

    primary: ClassVar = "size"

    size: Width | None = Field(
        None, description="outputs of a linear layer that reads the label first"
    )
    hidden: Layer | None = Field(None, description="activation after the linear layer")

    def join(self, net: Lowering, x: Value) -> Value:
        label = label_vector(net)
        if self.size is not None:
            label = linear(net, label, self.size, self.hidden)
        elif self.hidden is not None:
            help = "add `size`, the linear layer's outputs"
            net.refuse("bad-value", "`hidden` needs a linear layer before it", None, help)
        return concatenate(net, x, label)
