"""Pooling of maps by maximum, mean or sum, in windows or over all positions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import torch
from pydantic import Field
from torch import nn

from ganspec.kinds.layer import Layer, Lowering
from ganspec.kinds.layers.padding import (
    KERAS_SPLIT,
    Split,
    conv_padding,
    is_symmetric,
    shorten,
    stride_arguments,
)
from ganspec.language.types import Padding, Pair, pair
from ganspec.program.ir import Call, Value


class WindowPool(Layer):
    """Base class of pools: one number for each window and channel of a map."""

    role: ClassVar = "pool"
    module: ClassVar[type[nn.Module]]
    primary: ClassVar = "kernel"
    expects: ClassVar = "map"

    kernel: Pair = 2
    stride: Pair | None = Field(None, description="the kernel's size by default")
    padding: Padding = "valid"
    split: Split = "even"

    def settings(self) -> dict[str, Any]:
        """Return the keyword arguments of `module` that only this kind of pool has."""
        return {}

    def lower(self, net: Lowering, x: Value) -> Value:
        stride = self.stride or self.kernel
        axes = conv_padding(self.padding, x.size, self.split, kernel=self.kernel, stride=stride)
        # the strides of the axes whose two sides differ
        uneven = [n for sides, n in zip(axes, pair(stride), strict=True) if not is_symmetric(sides)]
        if 1 in uneven:
            message = f"{self.kind} of an even kernel at stride 1 cannot keep height and width"
            net.refuse("bad-value", message, None, "use an odd kernel, or a longer stride")
        kernel, stride, padding = map(shorten, (self.kernel, stride, (axes[0][0], axes[1][0])))
        args, named = stride_arguments(stride, padding)
        if stride == kernel and padding == 0:
            named["stride"] = None
        # torch pads both sides alike: if the end needs one row or column more, `ceil_mode` keeps
        # the last window, which reaches beyond the padded map
        named |= {"ceil_mode": bool(uneven), **self.settings()}
        return net.add(Call(self.module, kernel, *args, **named), x)


class MaxPool(WindowPool, kind="max_pool"):
    """The largest number of each window; the default stride is the window's size."""

    module: ClassVar = nn.MaxPool2d
    framework_defaults: ClassVar = KERAS_SPLIT
    examples: ClassVar = [
        (None, (4, 6, 6)),
        ({"kernel": 3, "stride": 2}, (4, 7, 7)),
        ({"kernel": 3, "stride": 2, "padding": "same"}, (4, 6, 7)),
        ({"kernel": 3, "stride": 2, "padding": "same", "split": "end"}, (4, 6, 7)),
    ]


class AveragePool(WindowPool, kind="avg_pool"):
    """The mean of each window; the default stride is the window's size."""

    module: ClassVar = nn.AvgPool2d
    framework_defaults: ClassVar = {
        name: {**split, "count_padding": False} for name, split in KERAS_SPLIT.items()
    }
    examples: ClassVar = [
        (None, (4, 6, 6)),
        ({"kernel": [2, 3]}, (4, 6, 6)),
        ({"kernel": 3, "stride": 2, "padding": "same"}, (4, 6, 7)),
        ({"stride": 2, "padding": "same", "split": "end", "count_padding": False}, (4, 5, 7)),
    ]

    count_padding: bool = Field(
        True,
        description="padded zeros count in the mean, except the further row or column that "
        "`split: end` adds at the bottom or right",
    )

    def settings(self) -> dict[str, Any]:
        is_padded = self.padding not in ("valid", 0)
        return {"count_include_pad": self.count_padding} if is_padded else {}


class GlobalPool(Layer):
    """Base class of pools from map to vector: one number for each channel."""

    role: ClassVar = "pool"
    function: ClassVar[Callable]
    expects: ClassVar = "map"
    examples: ClassVar = [(None, (4, 3, 5))]

    def call(self, x: Value) -> Call:
        return Call(self.function, dim=(2, 3))


class MeanPool(GlobalPool, kind="mean_pool"):
    """Map to vector: the mean of each channel over height and width."""

    function: ClassVar = torch.mean


class SumPool(GlobalPool, kind="sum_pool"):
    """Map to vector: the sum of each channel over height and width."""

    function: ClassVar = torch.sum


class GlobalMaxPool(GlobalPool, kind="global_max_pool"):
    """Map to vector: the largest number of each channel."""

    function: ClassVar = torch.amax
