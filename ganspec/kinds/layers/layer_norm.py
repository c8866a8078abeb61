"""Layer normalization of images or positions."""

from __future__ import annotations

import math
from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator
from torch import nn

from ganspec.kinds.layer import Layer, Lowering
from ganspec.language.types import Positive, refusal
from ganspec.program.ir import Call, Value


class ChannelNorm(nn.LayerNorm):
    """Layer normalization of each position of a map, over its channels."""

    def forward(self, x):
        return super().forward(x.movedim(1, -1)).movedim(-1, 1)


class LayerNorm(Layer, kind="layer_norm"):
    """Layer normalization (Ba et al., 2016) over all numbers of an image.

    On a map every channel has one gain and bias, as in a group norm of one group. With
    `elementwise: true` every number has its own, and the layer works at one size only.
    `over: channels` normalises each position of a map by itself, as Keras does.
    """

    role: ClassVar = "norm"
    examples: ClassVar = [
        (None, (4, 3, 3)),
        (None, (5,)),
        ({"elementwise": True, "eps": 1e-3}, (4, 3, 3)),
        ({"over": "channels"}, (4, 3, 3)),
    ]
    framework_defaults: ClassVar = {
        "keras": {"eps": 1e-3, "over": "channels"},
        "tensorflow": {"eps": 1e-12},  # as tf.contrib.layers
    }

    eps: Positive = 1e-5
    elementwise: bool = Field(False, description="a gain and a bias for every number")
    over: Literal["image", "channels"] = Field(
        "image", description="numbers normalised together: an image's, or one position's channels"
    )

    @model_validator(mode="after")
    def _check_fields(self) -> Self:
        """Refuse `elementwise` beside `over: channels`, which has a gain for each channel."""
        if self.elementwise and self.over == "channels":
            message = "`elementwise` is for norms over an image, and this one is over channels"
            raise refusal("bad-value", message, "write `over: image`, or remove `elementwise`")
        return self

    def lower(self, net: Lowering, x: Value) -> Value:
        if (x.shape[0] if self.over == "channels" else math.prod(x.shape)) == 1:
            where = "position" if x.is_map and self.over == "channels" else "image"
            message = f"layer_norm of {x} is 0: each {where} has a single number"
            net.refuse(
                "shape-mismatch", message, x, "remove it, or put it where there are more numbers"
            )
        return super().lower(net, x)

    def call(self, x: Value) -> Call:
        if x.is_map and self.elementwise:
            return Call(nn.LayerNorm, (x.channels, *x.size), eps=self.eps)
        if x.is_map and self.over == "channels":
            return Call(ChannelNorm, x.channels, eps=self.eps)
        if x.is_map:
            return Call(nn.GroupNorm, 1, x.channels, eps=self.eps)
        return Call(nn.LayerNorm, x.channels, eps=self.eps)
