"""A layer that reshapes its input to a map, without weights."""

from __future__ import annotations

import math
from typing import ClassVar, Literal, TypeAlias

from torch import nn

from ganspec.kinds.layer import Layer, Lowering
from ganspec.language.types import Width
from ganspec.program.ir import Call, Value

Side: TypeAlias = Literal[-1] | Width


class Reshape(Layer, kind="reshape"):
    """Reshapes its input to a map: `reshape: [channels, height, width]`.

    One of the three may be -1: it follows from the others, as in torch. `[-1, 1, 1]` turns a vector
    of any length into a map of one position.
    """

    primary: ClassVar = "shape"
    examples: ClassVar = [
        ({"shape": [2, 3, 4]}, (24,)),
        ({"shape": [8, 3, 1]}, (2, 3, 4)),
        ({"shape": [-1, 1, 1]}, (5,)),
    ]

    shape: tuple[Side, Side, Side]

    def lower(self, net: Lowering, x: Value) -> Value:
        x = net.flatten(x)
        sizes = [size for size in self.shape if size != -1]
        known = math.prod(sizes)
        if len(sizes) < 2:
            help = "write -1 once, as in `[-1, 1, 1]`, which makes a map of one position"
            net.refuse("bad-value", "only one size of `reshape` can be -1", None, help)
        if x.channels % known if len(sizes) == 2 else x.channels != known:
            shown = " x ".join("?" if size == -1 else str(int(size)) for size in self.shape)
            message = f"a vector of {int(x.channels):,} numbers cannot become {shown}"
            infer = "write -1 for a size that follows from the others"
            divide = f"write two sizes whose product divides {int(x.channels)}"
            help = divide if len(sizes) == 2 else infer
            net.refuse("shape-mismatch", message, x, help)
        shape = tuple(x.channels // known if size == -1 else size for size in self.shape)
        return net.add(Call(nn.Unflatten, 1, shape, channels=shape[0]), x)
