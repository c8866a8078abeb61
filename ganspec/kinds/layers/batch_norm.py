"""Batch normalization with a gain, a bias, both or neither."""

from __future__ import annotations

from typing import Annotated, ClassVar

import torch
from pydantic import Field
from torch import nn

from ganspec.kinds.layer import Layer
from ganspec.language.types import Positive
from ganspec.program.ir import Call, Value


class CenteredBatchNorm(nn.BatchNorm2d):
    """Batch normalization of maps or vectors that learns a bias and no gain."""

    def __init__(self, channels, eps=1e-5, momentum=0.1):
        super().__init__(channels, eps, momentum, affine=False)
        self.bias = nn.Parameter(torch.zeros(channels))

    def _check_input_dim(self, x):
        pass  # vectors too


class ScaledBatchNorm(nn.BatchNorm2d):
    """Batch normalization of maps or vectors that learns a gain and no bias."""

    def __init__(self, channels, eps=1e-5, momentum=0.1):
        super().__init__(channels, eps, momentum, affine=False)
        self.weight = nn.Parameter(torch.ones(channels))

    def _check_input_dim(self, x):
        pass  # vectors too


class BatchNorm(Layer, kind="batch_norm"):
    """Batch normalization (Ioffe & Szegedy, 2015) of a vector or a map.

    `momentum` is the new batch's share in the running statistics, as in torch: a decay of 0.99 is
    0.01 here. The defaults under `tensorflow` are those of TensorFlow 1's
    `tf.contrib.layers.batch_norm`, which learns no gain. `tf.layers.batch_normalization` learns a
    gain and decays by 0.99: `{scale: true, momentum: 0.01}`.
    """

    role: ClassVar = "norm"
    primary: ClassVar = "eps"
    framework_defaults: ClassVar = {
        "keras": {"eps": 1e-3, "momentum": 0.01},
        "tensorflow": {"eps": 1e-3, "momentum": 1e-3, "scale": False},
    }
    examples: ClassVar = [
        (None, (4, 3, 3)),
        ({"eps": 1e-3, "momentum": 0.01}, (5,)),
        ({"scale": False, "center": False}, (4, 3, 3)),
        ({"scale": False}, (4, 3, 3)),
        ({"scale": False, "momentum": 0.01}, (5,)),
        ({"center": False}, (4, 3, 3)),
    ]

    eps: Positive = 1e-5
    momentum: Annotated[float, Field(gt=0, le=1)] = 0.1
    scale: bool = Field(True, description="learn a gain for every channel")
    center: bool = Field(True, description="learn a bias for every channel")

    def call(self, x: Value) -> Call:
        if self.scale != self.center:
            module = ScaledBatchNorm if self.scale else CenteredBatchNorm
            return Call(module, x.channels, eps=self.eps, momentum=self.momentum)
        usual = nn.BatchNorm2d if x.is_map else nn.BatchNorm1d
        return Call(usual, x.channels, eps=self.eps, momentum=self.momentum, affine=self.scale)
