"""Group normalization of maps."""

from __future__ import annotations

import math
from typing import ClassVar

from torch import nn

from ganspec.kinds.layer import Layer, Lowering
from ganspec.language.types import Positive, Width
from ganspec.program.ir import Call, Value


class GroupNorm(Layer, kind="group_norm"):
    """Group normalization (Wu & He, 2018) over `groups` groups of channels."""

    role: ClassVar = "norm"
    primary: ClassVar = "groups"
    expects: ClassVar = "map"
    framework_defaults: ClassVar = {
        "keras": {"eps": 1e-3},
        "tensorflow": {"eps": 1e-6},  # as tf.contrib.layers
    }
    examples: ClassVar = [
        ({"groups": 2}, (4, 3, 3)),
        ({"groups": 4, "eps": 1e-3}, (4, 3, 3)),
    ]

    groups: Width = 32
    eps: Positive = 1e-5

    def lower(self, net: Lowering, x: Value) -> Value:
        if x.channels % self.groups:
            message = f"{int(x.channels)} channels cannot be split into {int(self.groups)} groups"
            fitting = math.gcd(x.channels, self.groups)
            net.refuse("shape-mismatch", message, x, f"write `groups: {fitting}`")
        if x.channels == self.groups and x.size == (1, 1):
            message = f"group_norm of {x} is 0: each group has a single number"
            net.refuse("shape-mismatch", message, x, "write fewer `groups`, or remove the layer")
        return net.add(Call(nn.GroupNorm, self.groups, x.channels, eps=self.eps), x)
