"""A linear layer from a vector to a map."""

from __future__ import annotations

from typing import ClassVar

from torch import nn

from ganspec.kinds.layer import Lowering, Weighted
from ganspec.language.types import Width
from ganspec.program.ir import Call, Value


class Project(Weighted, kind="project"):
    """Fully connected layer from a vector to a map: `project: [channels, height, width]`."""

    primary: ClassVar = "shape"
    expects: ClassVar = "vector"
    examples: ClassVar = [
        ({"shape": [8, 4, 4]}, (5,)),
        ({"shape": [8, 2, 3], "bias": False, "weight_norm": "spectral"}, (5,)),
    ]

    shape: tuple[Width, Width, Width]
    bias: bool = True

    def lower(self, net: Lowering, x: Value) -> Value:
        channels, height, width = self.shape
        out = channels * height * width
        call = Call(nn.Linear, x.channels, out, bias=self.bias, channels=out)
        h = self.add(net, call, x)
        return net.add(Call(nn.Unflatten, 1, self.shape, channels=channels), h)
