"""Convolution of a map."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field
from torch import nn

from ganspec.kinds.layer import Lowering, Weighted
from ganspec.kinds.layers.padding import (
    KERAS_SPLIT,
    Split,
    conv_padding,
    is_symmetric,
    shorten,
    stride_arguments,
)
from ganspec.language.types import Padding, Pair, Width
from ganspec.program.ir import Call, Value


class Conv(Weighted, kind="conv"):
    """Convolution that by default keeps height and width unless `stride` is more than 1."""

    primary: ClassVar = "out"
    expects: ClassVar = "map"
    framework_defaults: ClassVar = KERAS_SPLIT
    examples: ClassVar = [
        ({"out": 8}, (4, 16, 16)),
        ({"out": 8, "kernel": 4, "stride": 2}, (4, 16, 16)),
        ({"out": 6, "kernel": 3, "stride": 2, "split": "end", "bias": False}, (4, 16, 11)),
        ({"out": 6, "kernel": 5, "stride": 3, "padding": [2, 0]}, (4, 11, 12)),
        ({"out": 8, "kernel": [3, 5], "padding": "valid", "groups": 2}, (4, 9, 12)),
        ({"out": 8, "kernel": 4, "weight_norm": "spectral", "init": "orthogonal"}, (4, 7, 7)),
        ({"out": 8, "kernel": 3, "dilation": 2, "weight_norm": "weight"}, (4, 7, 7)),
    ]

    out: Width = Field(description="channels of the result")
    kernel: Pair = Field(3, description="height and width of the window")
    stride: Pair = Field(1, description="pixels from window to window, down and across")
    padding: Padding = Field("same", description="`same`, `valid`, or pixels on each side")
    dilation: Pair = Field(1, description="distance between the kernel's rows and columns")
    groups: Width = Field(1, description="number of groups of channels that do not mix")
    bias: bool = Field(True, description="a learned number added to each channel")
    split: Split = Field(
        "even",
        description="if `same` needs an odd number of rows or columns: `even` adds equally many on "
        "both sides, as in torch, unless that changes the output's size; `end` adds more at the "
        "bottom or right, as in Keras",
    )

    def lower(self, net: Lowering, x: Value) -> Value:
        kernel, stride, dilation = self.kernel, self.stride, self.dilation
        rows, columns = conv_padding(
            self.padding, x.size, self.split, kernel=kernel, stride=stride, dilation=dilation
        )
        if not (is_symmetric(rows) and is_symmetric(columns)):
            x = net.add(Call(nn.ZeroPad2d, (*columns, *rows)), x)
            rows = columns = (0, 0)
        args, named = stride_arguments(stride, (rows[0], columns[0]))
        call = Call(
            nn.Conv2d,
            x.channels,
            self.out,
            shorten(kernel),
            *args,
            **named,
            dilation=shorten(dilation),
            groups=self.groups,
            bias=self.bias,
            channels=self.out,
        )
        return self.add(net, call, x)
