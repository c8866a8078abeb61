"""Dropout."""

from __future__ import annotations

from typing import ClassVar

from torch import nn

from ganspec.compiler.ir import Call, Value
from ganspec.language.types import Fraction
from ganspec.layers.layer import Layer


class Dropout(Layer, kind="dropout"):
    """Sets a random `rate` of the numbers to zero while training; with `channels`, of channels."""

    primary: ClassVar = "rate"
    examples: ClassVar = [
        (None, (5,)),
        ({"rate": 0.3}, (4, 3, 3)),
        ({"channels": True}, (4, 3, 3)),
    ]

    rate: Fraction = 0.5
    channels: bool = False

    def call(self, x: Value) -> Call:
        return Call(nn.Dropout2d if self.channels else nn.Dropout, self.rate)
