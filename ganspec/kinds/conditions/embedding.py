"""A learned vector for each class."""

from __future__ import annotations

import operator
from typing import ClassVar, Literal

from pydantic import Field
from torch import nn

from ganspec.kinds.condition import Condition
from ganspec.kinds.conditions.label import activated, embedded, joined, plane
from ganspec.kinds.layer import Layer
from ganspec.language.expr import Width as WidthValue
from ganspec.language.types import Width
from ganspec.program.ir import Call, Value


class Embedding(Condition, kind="embedding"):
    """A learned vector for each class, joined to the running value.

    Of a multi-hot label it is the sum of the present classes' vectors. `concat` joins its numbers
    behind a vector, or to a map as channels that are the same at every place. `map` makes one more
    channel of it, by a linear layer of height x width. `product` multiplies a vector by it, or
    each channel of a map by one of its numbers.
    """

    primary: ClassVar = "size"
    embeds: ClassVar = True

    size: Width | None = Field(
        None, description="numbers in a vector; with `product` as many as the value has channels"
    )
    join_: Literal["concat", "map", "product"] = Field(
        "concat", alias="join", description="how it is joined"
    )
    hidden: Layer | None = Field(
        None, description="activation of the embedding, with `map` of the linear layer after it"
    )

    @property
    def way(self) -> str:
        return "channel" if self.join_ == "map" else self.join_

    def join(self, net, x: Value) -> Value:
        size = self.fitting_size(net, x)
        if self.join_ == "map":
            self.check_map(net, x)
            return joined(net, x, plane(net, embedded(net, size), x, self.hidden))
        label = activated(net, embedded(net, size), self.hidden)
        if self.join_ == "concat":
            return joined(net, x, label)
        if x.is_map:
            shape = (size, WidthValue(1), WidthValue(1))
            label = net.add(Call(nn.Unflatten, 1, shape, channels=size), label)
        return net.add(Call(operator.mul), x, label)

    def fitting_size(self, net, x: Value) -> Width:
        """Numbers in the embedding, which a product settles."""
        if self.join_ != "product" and self.size is None:
            net.refuse("missing-field", "embedding needs `size`", None, "add `size:`")
        if self.join_ == "product" and self.size not in (None, x.channels):
            message = f"an embedding of {self.size} numbers cannot multiply {x}"
            help = "remove `size`: it is the number of channels"
            net.refuse("shape-mismatch", message, x, help)
        return x.channels if self.size is None else self.size

    def check_map(self, net, x: Value) -> None:
        if not x.is_map:
            message = f"`join: map` expects a map, got a vector of {x}"
            help = "use `join: concat`, or the layer `join_label` after project"
            net.refuse("shape-mismatch", message, x, help)
