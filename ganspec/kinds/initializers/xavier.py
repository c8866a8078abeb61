"""Xavier (Glorot) initial weights."""

from __future__ import annotations

from typing import ClassVar, Literal

from torch import nn

from ganspec.kinds.initializer import Initializer, init_weights
from ganspec.language.types import Number
from ganspec.program.ir import Call


class Xavier(Initializer, kind="xavier"):
    """Weights scaled by a layer's inputs and outputs (Glorot & Bengio, 2010), biases 0."""

    primary: ClassVar = "distribution"

    distribution: Literal["uniform", "normal"] = "uniform"
    gain: Number = 1.0

    def call(self) -> Call:
        uniform = self.distribution == "uniform"
        fill = nn.init.xavier_uniform_ if uniform else nn.init.xavier_normal_
        return Call(init_weights, fill=fill, gain=self.gain)
