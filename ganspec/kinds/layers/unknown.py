"""A part of a network that `ganspec import` could not read."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field
from torch import nn

from ganspec.kinds.layer import Layer, Lowering
from ganspec.language.types import Width
from ganspec.program.ir import Call, Value


class UnreadPart(nn.Module):
    """A stand-in for a part that was not read.

    Its output has the size `shape`; all numbers of an image are the mean of its input.
    """

    def __init__(self, shape):
        super().__init__()
        self.shape = shape

    def forward(self, x):
        mean = x.flatten(1).mean(1)
        return mean.reshape(-1, *[1] * len(self.shape)).expand(-1, *self.shape)


class UnknownLayer(Layer, kind="unknown"):
    """A part of a network that is not known, such as `unknown: sort`.

    `ganspec import` writes it for code that no layer expresses. Shapes, tables and comparisons work
    around it; `check`, `build` and `train` refuse it.
    """

    primary: ClassVar = "seen"
    examples: ClassVar = [
        ({"seen": "sort"}, (4, 3, 3)),
        ({"seen": "topk", "shape": [6]}, (4, 3, 3)),
    ]
    noun: ClassVar = "a part that was not read"

    seen: Annotated[str, Field(min_length=1, max_length=300)] = Field(
        description="the part in words"
    )
    shape: tuple[Width, ...] | None = Field(
        None, description="output shape, a vector's or a map's; by default the input's shape"
    )

    def lower(self, net: Lowering, x: Value) -> Value:
        shape = x.shape if self.shape is None else self.shape
        if len(shape) not in (1, 3):
            help = "write `[size]`, or `[channels, height, width]`"
            net.refuse("bad-value", "`shape` must be a vector's or a map's", None, help)
        return net.add(Call(UnreadPart, tuple(map(int, shape)), channels=shape[0]), x)
