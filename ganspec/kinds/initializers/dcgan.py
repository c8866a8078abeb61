"""DCGAN's initial weights and gains."""

from __future__ import annotations

from typing import ClassVar

from torch import nn

from ganspec.kinds.initializer import Initializer, init_weights
from ganspec.language.types import Positive
from ganspec.program.ir import Call


def init_dcgan(network, std=0.02):
    """Draw weights from N(0, std^2), batch norm gains from N(1, std^2); biases 0."""
    init_weights(network, nn.init.normal_, std=std)
    for module in network.modules():
        if isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d)) and module.weight is not None:
            nn.init.normal_(module.weight, 1.0, std)


class DCGAN(Initializer, kind="dcgan"):
    """Weights from N(0, std^2), batch norm gains from N(1, std^2), biases 0.

    These are DCGAN's (Radford et al., 2016).
    """

    primary: ClassVar = "std"

    std: Positive = 0.02

    def call(self) -> Call:
        return Call(init_dcgan, std=self.std)
