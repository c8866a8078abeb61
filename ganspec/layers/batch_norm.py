"""Batch normalization."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field
from torch import nn

from ganspec.compiler.ir import Call, Value
from ganspec.language.types import Positive
from ganspec.layers.layer import Layer


class BatchNorm(Layer, kind="batch_norm"):
    """Batch normalization (Ioffe & Szegedy, 2015) of a vector or a map.

    `momentum` is the new batch's share in the running statistics, as torch has it: Keras's 0.99 is
    0.01 here.
    """

    primary: ClassVar = "eps"
    framework_defaults: ClassVar = {
        "keras": {"eps": 1e-3, "momentum": 0.01},
        "tensorflow": {"eps": 1e-3, "momentum": 0.01},
    }
    examples: ClassVar = [
        (None, (4, 3, 3)),
        ({"eps": 1e-3, "momentum": 0.01}, (5,)),
        ({"affine": False}, (4, 3, 3)),
    ]

    eps: Positive = 1e-5
    momentum: Annotated[float, Field(gt=0, le=1)] = 0.1
    affine: bool = True

    def call(self, x: Value) -> Call:
        module = nn.BatchNorm2d if x.is_map else nn.BatchNorm1d
        return Call(module, x.channels, eps=self.eps, momentum=self.momentum, affine=self.affine)
