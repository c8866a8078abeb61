"""Normal initial weights."""

from __future__ import annotations

from typing import ClassVar

from torch import nn

from ganspec.kinds.initializer import Initializer, weights_and_biases
from ganspec.language.types import Positive
from ganspec.program.ir import Call


def init_normal(network, std=0.02):
    """Draw weights from N(0, std^2) and set biases to 0."""
    for weight, bias in weights_and_biases(network):
        nn.init.normal_(weight, std=std)
        if bias is not None:
            nn.init.zeros_(bias)


class Normal(Initializer, kind="normal"):
    """Weights from N(0, std^2), biases 0."""

    primary: ClassVar = "std"

    std: Positive = 0.02

    def call(self) -> Call:
        return Call(init_normal, std=self.std)
