"""Fully connected layer."""

from __future__ import annotations

from typing import ClassVar

from torch import nn

from ganspec.kinds.layer import Weighted
from ganspec.language.types import Width
from ganspec.program.ir import Call, Value


class Linear(Weighted, kind="linear"):
    """Fully connected layer from a vector to a vector of `out` numbers."""

    primary: ClassVar = "out"
    expects: ClassVar = "vector"
    examples: ClassVar = [
        ({"out": 8}, (5,)),
        ({"out": 1, "bias": False, "weight_norm": "spectral"}, (5,)),
    ]

    out: Width
    bias: bool = True

    def call(self, x: Value) -> Call:
        return Call(nn.Linear, x.channels, self.out, bias=self.bias, channels=self.out)
