"""Orthogonal initial weights."""

from __future__ import annotations

from typing import ClassVar

from torch import nn

from ganspec.kinds.initializer import Initializer, init_weights
from ganspec.language.types import Positive
from ganspec.program.ir import Call


class Orthogonal(Initializer, kind="orthogonal"):
    """Orthogonal weights (Saxe et al., 2014; BigGAN), biases 0."""

    primary: ClassVar = "gain"

    gain: Positive = 1.0

    def call(self) -> Call:
        return Call(init_weights, fill=nn.init.orthogonal_, gain=self.gain)
