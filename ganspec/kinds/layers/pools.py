"""Pooling."""

from __future__ import annotations

from typing import ClassVar

import torch
from pydantic import Field
from torch import nn

from ganspec.kinds.layer import Layer
from ganspec.kinds.layers.padding import (
    KERAS_SPLIT,
    Split,
    conv_padding,
    is_even,
    one,
    placed,
    square,
)
from ganspec.language.types import Padding, Pair, pair
from ganspec.program.ir import Call, Value


class WindowPool(Layer):
    """One number for each window of a map."""

    role: ClassVar = "pool"
    primary: ClassVar = "kernel"
    expects: ClassVar = "map"

    kernel: Pair = 2
    stride: Pair | None = Field(None, description="the kernel's size where it is not given")
    padding: Padding = "valid"
    split: Split = "even"

    def windows(self, net, x: Value, module: type[nn.Module], **more: object) -> Value:
        """The pool of `x`, padded as asked for."""
        stride = self.stride or self.kernel
        rows, columns = conv_padding(self.padding, self.kernel, stride, 1, x.size, self.split)
        # one more row or column at the end is what `ceil_mode` makes of a last window cut short
        uneven = not (is_even(rows) and is_even(columns))
        if uneven and any(
            not is_even(side) and step == 1
            for side, step in zip((rows, columns), pair(stride), strict=True)
        ):
            message = f"{self.kind} of an even kernel at stride 1 cannot keep height and width"
            net.refuse("bad-value", message, None, "use an odd kernel, or a longer stride")
        kernel, stride, padding = square(self.kernel), square(stride), one(rows[0], columns[0])
        args, named = placed(stride, padding)
        if stride == kernel and padding == 0:
            named["stride"] = None
        return net.add(Call(module, kernel, *args, **named, ceil_mode=uneven, **more), x)


class MaxPool(WindowPool, kind="max_pool"):
    """Largest of each window; the stride is the window's size."""

    framework_defaults: ClassVar = KERAS_SPLIT
    examples: ClassVar = [
        (None, (4, 6, 6)),
        ({"kernel": 3, "stride": 2}, (4, 7, 7)),
        ({"kernel": 3, "stride": 2, "padding": "same"}, (4, 6, 7)),
        ({"kernel": 3, "stride": 2, "padding": "same", "split": "end"}, (4, 6, 7)),
    ]

    def lower(self, net, x: Value) -> Value:
        return self.windows(net, x, nn.MaxPool2d)


class AveragePool(WindowPool, kind="avg_pool"):
    """Mean of each window; the stride is the window's size."""

    framework_defaults: ClassVar = {
        name: {**split, "count_padding": False} for name, split in KERAS_SPLIT.items()
    }
    examples: ClassVar = [
        (None, (4, 6, 6)),
        ({"kernel": [2, 3]}, (4, 6, 6)),
        ({"kernel": 3, "stride": 2, "padding": "same"}, (4, 6, 7)),
        ({"stride": 2, "padding": "same", "split": "end", "count_padding": False}, (4, 5, 7)),
    ]

    count_padding: bool = Field(True, description="whether padded zeros count in the mean")

    def lower(self, net, x: Value) -> Value:
        padded = self.padding not in ("valid", 0)
        count = {"count_include_pad": self.count_padding} if padded else {}
        return self.windows(net, x, nn.AvgPool2d, **count)


class MeanPool(Layer, kind="mean_pool"):
    """Map to vector: each channel's mean over height and width."""

    role: ClassVar = "pool"
    expects: ClassVar = "map"
    examples: ClassVar = [(None, (4, 3, 5))]

    def call(self, x: Value) -> Call:
        return Call(torch.mean, dim=(2, 3))


class SumPool(Layer, kind="sum_pool"):
    """Map to vector: each channel's sum over height and width."""

    role: ClassVar = "pool"
    expects: ClassVar = "map"
    examples: ClassVar = [(None, (4, 3, 5))]

    def call(self, x: Value) -> Call:
        return Call(torch.sum, dim=(2, 3))


class GlobalMaxPool(Layer, kind="global_max_pool"):
    """Map to vector: each channel's largest value."""

    role: ClassVar = "pool"
    expects: ClassVar = "map"
    examples: ClassVar = [(None, (4, 3, 5))]

    def call(self, x: Value) -> Call:
        return Call(torch.amax, dim=(2, 3))
