"""The label behind the running value."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from ganspec.kinds.condition import Condition
from ganspec.kinds.conditions.label import joined, linear, numbers
from ganspec.kinds.layer import Layer
from ganspec.language.types import Width
from ganspec.program.ir import Value


class Concat(Condition, kind="concat"):
    """The label, one-hot or multi-hot, behind a vector (Mirza & Osindero, 2014).

    To a map each of its numbers is joined as one more channel, the same at every place.
    """

    primary: ClassVar = "size"

    size: Width | None = Field(
        None, description="outputs of a linear layer that the label passes through first"
    )
    hidden: Layer | None = Field(None, description="activation after the linear layer")

    def join(self, net, x: Value) -> Value:
        label = numbers(net)
        if self.size is not None:
            label = linear(net, label, self.size, self.hidden)
        elif self.hidden is not None:
            help = "add `size`, the linear layer's outputs"
            net.refuse("bad-value", "`hidden` needs a linear layer before it", None, help)
        return joined(net, x, label)
