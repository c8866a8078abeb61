"""Orthogonal initial weights."""

from __future__ import annotations

from typing import ClassVar

from torch import nn

from ganspec.kinds.initializer import Initializer, weights_and_biases
from ganspec.language.types import Positive
from ganspec.program.ir import Call


def init_orthogonal(network, gain=1.0):
    """Make weights orthogonal (Saxe et al., 2014) and set biases to 0."""
    for weight, bias in weights_and_biases(network):
        nn.init.orthogonal_(weight, gain)
        if bias is not None:
            nn.init.zeros_(bias)


class Orthogonal(Initializer, kind="orthogonal"):
    """Orthogonal weights (Saxe et al., 2014; BigGAN), biases 0."""

    primary: ClassVar = "gain"

    gain: Positive = 1.0

    def call(self) -> Call:
        return Call(init_orthogonal, gain=self.gain)
