"""A layer that reshapes its input to a map, without weights."""

from __future__ import annotations

from typing import ClassVar

from torch import nn

from ganspec.kinds.layer import Layer, Lowering
from ganspec.language.types import Width
from ganspec.program.ir import Call, Value


class Reshape(Layer, kind="reshape"):
    """Reshapes its input to a map: `reshape: [channels, height, width]`."""

    primary: ClassVar = "shape"
    examples: ClassVar = [
        ({"shape": [2, 3, 4]}, (24,)),
        ({"shape": [8, 3, 1]}, (2, 3, 4)),
    ]

    shape: tuple[Width, Width, Width]

    def lower(self, net: Lowering, x: Value) -> Value:
        x = net.flatten(x)
        return net.add(Call(nn.Unflatten, 1, self.shape, channels=self.shape[0]), x)
