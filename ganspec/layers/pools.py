"""Pooling."""

from __future__ import annotations

from typing import ClassVar

import torch
from pydantic import Field
from torch import nn

from ganspec.compiler.ir import Call, Value
from ganspec.language.types import Pair
from ganspec.layers.layer import Layer


class MaxPool(Layer, kind="max_pool"):
    """Largest of each window; the stride is the window's size."""

    primary: ClassVar = "kernel"
    expects: ClassVar = "map"
    examples: ClassVar = [(None, (4, 6, 6)), ({"kernel": 3, "stride": 2}, (4, 7, 7))]

    kernel: Pair = 2
    stride: Pair | None = Field(None, description="the kernel's size where it is not given")

    def call(self, x: Value) -> Call:
        return Call(nn.MaxPool2d, self.kernel, stride=self.stride)


class AveragePool(Layer, kind="avg_pool"):
    """Mean of each window; the stride is the window's size."""

    primary: ClassVar = "kernel"
    expects: ClassVar = "map"
    examples: ClassVar = [(None, (4, 6, 6)), ({"kernel": [2, 3]}, (4, 6, 6))]

    kernel: Pair = 2
    stride: Pair | None = Field(None, description="the kernel's size where it is not given")

    def call(self, x: Value) -> Call:
        return Call(nn.AvgPool2d, self.kernel, stride=self.stride)


class MeanPool(Layer, kind="mean_pool"):
    """Map to vector: each channel's mean over height and width."""

    expects: ClassVar = "map"
    examples: ClassVar = [(None, (4, 3, 5))]

    def call(self, x: Value) -> Call:
        return Call(torch.mean, dim=(2, 3))


class SumPool(Layer, kind="sum_pool"):
    """Map to vector: each channel's sum over height and width."""

    expects: ClassVar = "map"
    examples: ClassVar = [(None, (4, 3, 5))]

    def call(self, x: Value) -> Call:
        return Call(torch.sum, dim=(2, 3))
