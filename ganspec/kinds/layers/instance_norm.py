"""Instance normalization of maps."""

from __future__ import annotations

from typing import ClassVar

from torch import nn

from ganspec.kinds.layer import Layer, Lowering
from ganspec.language.types import Positive
from ganspec.program.ir import Call, Value


class InstanceNorm(Layer, kind="instance_norm"):
    """Instance normalization (Ulyanov et al., 2016) of each image and channel by itself."""

    role: ClassVar = "norm"
    primary: ClassVar = "affine"
    expects: ClassVar = "map"
    framework_defaults: ClassVar = {
        "keras": {"affine": True, "eps": 1e-3},  # as GroupNormalization(groups=-1)
        "tensorflow": {"affine": True, "eps": 1e-6},  # as tf.contrib.layers
    }
    examples: ClassVar = [(None, (4, 3, 3)), ({"affine": True, "eps": 1e-3}, (4, 3, 3))]

    affine: bool = False
    eps: Positive = 1e-5

    def lower(self, net: Lowering, x: Value) -> Value:
        if x.size == (1, 1):
            message = f"instance_norm of {x} is 0: each channel has a single number"
            net.refuse("shape-mismatch", message, x, "put it where maps are larger")
        return net.add(Call(nn.InstanceNorm2d, x.channels, eps=self.eps, affine=self.affine), x)
