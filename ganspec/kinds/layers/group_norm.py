"""Group normalization of maps."""

from __future__ import annotations

from typing import ClassVar

from torch import nn

from ganspec.kinds.layer import Layer
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

    def call(self, x: Value) -> Call:
        return Call(nn.GroupNorm, self.groups, x.channels, eps=self.eps)
