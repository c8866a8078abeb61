"""Kaiming initial weights."""

from __future__ import annotations

from typing import ClassVar, Literal

from torch import nn

from ganspec.kinds.initializer import Initializer, init_weights
from ganspec.language.types import Number
from ganspec.program.ir import Call


class Kaiming(Initializer, kind="kaiming"):
    """Weights scaled by a layer's number of inputs (He et al., 2015), biases 0."""

    primary: ClassVar = "distribution"

    distribution: Literal["uniform", "normal"] = "uniform"
    slope: Number = 0.0

    def call(self) -> Call:
        uniform = self.distribution == "uniform"
        fill = nn.init.kaiming_uniform_ if uniform else nn.init.kaiming_normal_
        return Call(init_weights, fill=fill, a=self.slope)
