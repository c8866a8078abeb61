"""Zero initial weights."""

from __future__ import annotations

from torch import nn

from ganspec.kinds.initializer import Initializer, init_weights
from ganspec.program.ir import Call


class Zeros(Initializer, kind="zeros"):
    """Weights and biases 0, as for the last layer of a residual branch."""

    def call(self) -> Call:
        return Call(init_weights, fill=nn.init.zeros_)
