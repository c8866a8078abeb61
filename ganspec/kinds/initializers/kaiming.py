"""Kaiming initial weights."""

from __future__ import annotations

from typing import ClassVar, Literal

from torch import nn

from ganspec.kinds.initializer import Initializer, weights_and_biases
from ganspec.language.types import Number
from ganspec.program.ir import Call


def init_kaiming(network, fill=nn.init.kaiming_uniform_, slope=0.0):
    """Draw weights scaled by their fan (He et al., 2015) and set biases to 0."""
    for weight, bias in weights_and_biases(network):
        fill(weight, a=slope)
        if bias is not None:
            nn.init.zeros_(bias)


class Kaiming(Initializer, kind="kaiming"):
    """Weights scaled by their fan (He et al., 2015), biases 0."""

    primary: ClassVar = "distribution"

    distribution: Literal["uniform", "normal"] = "uniform"
    slope: Number = 0.0

    def call(self) -> Call:
        uniform = self.distribution == "uniform"
        fill = nn.init.kaiming_uniform_ if uniform else nn.init.kaiming_normal_
        return Call(init_kaiming, fill=fill, slope=self.slope)
