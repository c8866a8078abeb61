"""Layer normalization."""

from __future__ import annotations

from typing import ClassVar

from torch import nn

from ganspec.compiler.ir import Call, Value
from ganspec.language.types import Positive
from ganspec.layers.layer import Layer


class LayerNorm(Layer, kind="layer_norm"):
    """Layer normalization (Ba et al., 2016): over everything of one image.

    On a map every channel has one gain and bias (as a group norm of one group); with
    `elementwise: true` every position has its own, and the layer is bound to its size.
    """

    examples: ClassVar = [
        (None, (4, 3, 3)),
        (None, (5,)),
        ({"elementwise": True, "eps": 1e-3}, (4, 3, 3)),
    ]
    framework_defaults: ClassVar = {"keras": {"eps": 1e-3}}

    eps: Positive = 1e-5
    elementwise: bool = False

    def call(self, x: Value) -> Call:
        if x.is_map and not self.elementwise:
            return Call(nn.GroupNorm, 1, x.channels, eps=self.eps)
        shape = (x.channels, *x.shape[1:])
        return Call(nn.LayerNorm, shape if x.is_map else x.channels, eps=self.eps)
