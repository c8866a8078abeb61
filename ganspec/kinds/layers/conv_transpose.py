"""Transposed convolution of a map."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field
from torch import nn

from ganspec.kinds.layer import Lowering, Weighted
from ganspec.kinds.layers.padding import (
    KERAS_SPLIT,
    Split,
    shorten,
    stride_arguments,
    transposed_padding,
)
from ganspec.language.types import Padding, Pair, Width
from ganspec.program.ir import Call, Value


class ConvTranspose(Weighted, kind="conv_transpose"):
    """Transposed convolution that by default multiplies height and width by `stride`."""

    primary: ClassVar = "out"
    expects: ClassVar = "map"
    framework_defaults: ClassVar = KERAS_SPLIT
    examples: ClassVar = [
        ({"out": 8, "kernel": 4, "stride": 2}, (4, 8, 8)),
        ({"out": 8, "kernel": 5, "stride": 2, "bias": False}, (4, 7, 7)),
        ({"out": 8, "kernel": 5, "stride": 2, "split": "end"}, (4, 7, 9)),
        ({"out": 8, "kernel": 4, "padding": 0}, (16, 1, 1)),
        ({"out": 8, "kernel": 2, "stride": 3, "weight_norm": "spectral"}, (4, 3, 3)),
        ({"out": 8, "kernel": [3, 4], "stride": [2, 1], "weight_norm": "weight"}, (4, 3, 5)),
        ({"out": 8, "kernel": 3, "stride": 2, "padding": 0, "output_padding": 1}, (4, 3, 3)),
    ]

    out: Width = Field(description="channels of the result")
    kernel: Pair = Field(4, description="height and width of the window")
    stride: Pair = Field(1, description="pixels from window to window, down and across")
    padding: Padding = Field("same", description="`same`, `valid`, or pixels on each side")
    output_padding: Annotated[int, Field(ge=0, le=8192)] = Field(
        0, description="rows to add below, and columns at the right, if `padding` is a number"
    )
    groups: Width = Field(1, description="number of groups of channels that do not mix")
    bias: bool = Field(True, description="a learned number added to each channel")
    split: Split = Field(
        "even",
        description="if `same` crops an odd number of rows or columns: `even` crops both sides "
        "alike, as in torch, unless `stride` is 1; `end` crops more at the bottom or right, as in "
        "Keras; under `valid`, `end` adds rows or columns there if `stride` exceeds `kernel`",
    )

    def lower(self, net: Lowering, x: Value) -> Value:
        if self.output_padding and self.padding in ("same", "valid"):
            message = f"`padding: {self.padding}` determines `output_padding`"
            net.refuse("bad-value", message, None, "remove `output_padding`")
        padding, output_padding, end = transposed_padding(
            self.padding,
            self.split,
            kernel=self.kernel,
            stride=self.stride,
            output_padding=self.output_padding,
        )
        args, named = stride_arguments(self.stride, padding, output_padding)
        call = Call(
            nn.ConvTranspose2d,
            x.channels,
            self.out,
            shorten(self.kernel),
            *args,
            **named,
            groups=self.groups,
            bias=self.bias,
            channels=self.out,
        )
        h = self.add(net, call, x)
        if any(end):
            # torch's `padding` crops both sides equally: a further step crops the odd row or column
            h = net.add(Call(nn.ZeroPad2d, (0, -end[1], 0, -end[0])), h)
        return h
