"""Upsampling without weights."""

from __future__ import annotations

from typing import ClassVar, Literal

from torch import nn

from ganspec.kinds.layer import Layer
from ganspec.language.types import Size
from ganspec.program.ir import Call, Value


class Upsample(Layer, kind="upsample"):
    """Multiplies height and width by `factor`, with repeated or bilinear pixels."""

    role: ClassVar = "resampling"
    primary: ClassVar = "factor"
    expects: ClassVar = "map"
    examples: ClassVar = [
        (None, (4, 3, 5)),
        ({"factor": 3, "mode": "bilinear"}, (4, 3, 5)),
    ]

    factor: Size = 2
    mode: Literal["nearest", "bilinear"] = "nearest"

    def call(self, x: Value) -> Call:
        return Call(nn.Upsample, scale_factor=self.factor, mode=self.mode)


class PixelShuffle(Layer, kind="pixel_shuffle"):
    """Height and width times `factor`, channels divided by `factor`^2 (Shi et al., 2016)."""

    role: ClassVar = "resampling"
    primary: ClassVar = "factor"
    expects: ClassVar = "map"
    examples: ClassVar = [(None, (8, 3, 5)), ({"factor": 3}, (9, 2, 2))]

    factor: Size = 2

    def call(self, x: Value) -> Call:
        return Call(nn.PixelShuffle, self.factor, channels=x.channels // self.factor**2)
