"""Normal initial weights."""

from __future__ import annotations

from typing import ClassVar

from torch import nn

from ganspec.kinds.initializer import Initializer, init_weights
from ganspec.language.types import Positive
from ganspec.program.ir import Call


class Normal(Initializer, kind="normal"):
    """Weights from N(0, std^2), biases 0."""

    primary: ClassVar = "std"

    std: Positive = 0.02

    def call(self) -> Call:
        return Call(init_weights, fill=nn.init.normal_, std=self.std)
