"""Convolution."""

from __future__ import annotations

from typing import ClassVar

from torch import nn

from ganspec.compiler.ir import Call, Value
from ganspec.language.types import Padding, Pair, Width
from ganspec.layers.layer import Weighted
from ganspec.layers.padding import Split, conv_padding


class Conv(Weighted, kind="conv"):
    """Convolution that keeps height and width unless `stride` is more than 1."""

    primary: ClassVar = "out"
    expects: ClassVar = "map"
    framework_defaults: ClassVar = {
        "keras": {"split": "end"},
        "tensorflow": {"split": "end"},
    }
    examples: ClassVar = [
        ({"out": 8}, (4, 16, 16)),
        ({"out": 8, "kernel": 4, "stride": 2}, (4, 16, 16)),
        (
            {"out": 6, "kernel": 3, "stride": 2, "split": "end", "bias": False},
            (4, 16, 11),
        ),
        ({"out": 8, "kernel": [3, 5], "padding": "valid", "groups": 2}, (4, 9, 12)),
        ({"out": 8, "kernel": 4, "norm": "spectral", "init": "orthogonal"}, (4, 7, 7)),
        ({"out": 8, "kernel": 3, "dilation": 2, "norm": "weight"}, (4, 7, 7)),
    ]

    out: Width
    kernel: Pair = 3
    stride: Pair = 1
    padding: Padding = "same"
    dilation: Pair = 1
    groups: Width = 1
    bias: bool = True
    split: Split = "even"

    def lower(self, net, x: Value) -> Value:
        rows, columns = conv_padding(
            self.padding, self.kernel, self.stride, self.dilation, x.size, self.split
        )
        if rows[0] != rows[1] or columns[0] != columns[1]:
            x = net.add(Call(nn.ZeroPad2d, (*columns, *rows)), x)
            rows = columns = (0, 0)
        call = self.padded(x, (rows[0], columns[0]))
        return net.add(self.weigh(net, call), x, initialize=self.init)

    def padded(self, x: Value, padding: tuple[int, int]) -> Call:
        """The convolution of `x` with the same padding on both ends of each side."""
        return Call(
            nn.Conv2d,
            x.channels,
            self.out,
            self.kernel,
            stride=self.stride,
            padding=padding[0] if padding[0] == padding[1] else padding,
            dilation=self.dilation,
            groups=self.groups,
            bias=self.bias,
            channels=self.out,
        )
