"""Zero initial weights."""

from __future__ import annotations

from torch import nn

from ganspec.kinds.initializer import Initializer, weights_and_biases
from ganspec.program.ir import Call


def init_zeros(network):
    """Set weights and biases to 0."""
    for weight, bias in weights_and_biases(network):
        nn.init.zeros_(weight)
        if bias is not None:
            nn.init.zeros_(bias)


class Zeros(Initializer, kind="zeros"):
    """Weights and biases 0: for the last layer of a residual branch."""

    def call(self) -> Call:
        return Call(init_zeros)
