"""A learned vector for each class."""

from __future__ import annotations

import operator
from typing import ClassVar, Literal

from pydantic import Field
from torch import nn

from ganspec.kinds.condition import Condition
from ganspec.kinds.conditions.label import activate, concatenate, embed, plane
from ganspec.kinds.layer import Layer, Lowering
from ganspec.language.types import Width
from ganspec.program.ir import Call, Value


class Embedding(Condition, kind="embedding"):
    """A learned vector for each class, joined to the value that the network has so far.

    A multi-hot label gives the sum of its classes' vectors. `concat` appends the vector to a
    vector, or one channel per number to a map, with that number at every position. `map` adds one
    channel: the vector through a linear layer of height x width outputs. `product` multiplies each
    number of a vector, or each channel of a map, by one number of the learned vector.
    """

    primary: ClassVar = "size"
    embeds: ClassVar = True

    size: Width | None = Field(
        None,
        description="numbers in a vector; required, except with `product`, where it is the number "
        "of channels",
    )
    join_: Literal["concat", "map", "product"] = Field(
        "concat", alias="join", description="how the vector joins the value"
    )
    hidden: Layer | None = Field(
        None, description="activation after the embedding, or with `map` after the linear layer"
    )

    @property
    def way(self) -> str:
        return "channel" if self.join_ == "map" else self.join_

    def join(self, net: Lowering, x: Value) -> Value:
        size = self.fitting_size(net, x)
        if self.join_ == "map":
            if not x.is_map:
                message = f"`join: map` expects a map, got a vector of {x}"
                help = "use `join: concat`, or the layer `join_label` after project"
                net.refuse("shape-mismatch", message, x, help)
            return concatenate(net, x, plane(net, embed(net, size), x, self.hidden))
        label = activate(net, embed(net, size), self.hidden)
        if self.join_ == "concat":
            return concatenate(net, x, label)
        if x.is_map:
            label = net.add(Call(nn.Unflatten, 1, (size, 1, 1), channels=size), label)
        return net.add(Call(operator.mul), x, label)

    def fitting_size(self, net: Lowering, x: Value) -> int:
        """Return the size of the embedding: `size`, or with `product` the channels of `x`.

        Raise SpecError if `product` has another `size`, or another way to join has none.
        """
        if self.join_ != "product" and self.size is None:
            net.refuse("missing-field", "embedding needs `size`", None, "add `size:`")
        if self.join_ == "product" and self.size not in (None, x.channels):
            message = f"an embedding of {self.size} numbers cannot multiply {x}"
            help = "remove `size`: with `join: product` it is the number of channels"
            net.refuse("shape-mismatch", message, x, help)
        return x.channels if self.size is None else self.size
