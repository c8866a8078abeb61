"""Dropout of numbers or channels."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field
from torch import nn

from ganspec.kinds.layer import Layer
from ganspec.language.types import Fraction
from ganspec.program.ir import Call, Value


class Dropout(Layer, kind="dropout"):
    """In training, sets each number to 0 with the probability `rate`, and scales up the others.

    With `channels: true`, it does so with whole channels. Under `tensorflow` the default is
    `active: false`, since TensorFlow 1's `tf.layers.dropout` does nothing without `training=True`,
    which code often leaves out.
    """

    noun: ClassVar = "dropout"
    primary: ClassVar = "rate"
    framework_defaults: ClassVar = {"tensorflow": {"active": False}}
    examples: ClassVar = [
        (None, (5,)),
        ({"rate": 0.3}, (4, 3, 3)),
        ({"channels": True}, (4, 3, 3)),
        ({"rate": 0.8, "active": False}, (4, 3, 3)),
    ]

    rate: Fraction = 0.5
    channels: bool = False
    active: bool = Field(True, description="false: the layer does nothing")

    def call(self, x: Value) -> Call:
        # an inactive dropout becomes one of rate 0, so that tables and emitted files show it
        return Call(nn.Dropout2d if self.channels else nn.Dropout, self.rate if self.active else 0)
