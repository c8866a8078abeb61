"""Transposed convolution."""

from __future__ import annotations

from typing import ClassVar

from torch import nn

from ganspec.compiler.ir import Call, Value
from ganspec.language.types import Padding, Pair, Width
from ganspec.layers.layer import Weighted
from ganspec.layers.padding import Split, transposed_padding


class ConvTranspose(Weighted, kind="conv_transpose"):
    """Transposed convolution that multiplies height and width by `stride`."""

    primary: ClassVar = "out"
    expects: ClassVar = "map"
    framework_defaults: ClassVar = {
        "keras": {"split": "end"},
        "tensorflow": {"split": "end"},
    }
    examples: ClassVar = [
        ({"out": 8, "kernel": 4, "stride": 2}, (4, 8, 8)),
        ({"out": 8, "kernel": 5, "stride": 2, "bias": False}, (4, 7, 7)),
        ({"out": 8, "kernel": 5, "stride": 2, "split": "end"}, (4, 7, 9)),
        ({"out": 8, "kernel": 4, "padding": 0}, (16, 1, 1)),
        ({"out": 8, "kernel": 2, "stride": 3, "norm": "spectral"}, (4, 3, 3)),
    ]

    out: Width
    kernel: Pair = 4
    stride: Pair = 1
    padding: Padding = "same"
    groups: Width = 1
    bias: bool = True
    split: Split = "even"

    def lower(self, net, x: Value) -> Value:
        rows, columns = transposed_padding(self.padding, self.kernel, self.stride, self.split)
        call = Call(
            nn.ConvTranspose2d,
            x.channels,
            self.out,
            self.kernel,
            stride=self.stride,
            padding=_one(rows[0], columns[0]),
            output_padding=_one(rows[1], columns[1]),
            groups=self.groups,
            bias=self.bias,
            channels=self.out,
        )
        h = net.add(self.weigh(net, call), x, initialize=self.init)
        if rows[2] or columns[2]:
            # Keras crops the odd row and column at the end, which torch's padding cannot say
            h = net.add(Call(nn.ZeroPad2d, (0, -columns[2], 0, -rows[2])), h)
        return h


def _one(rows: int, columns: int) -> int | tuple[int, int]:
    return rows if rows == columns else (rows, columns)
