"""Initial weights by functions of torch: Kaiming, normal, orthogonal, Xavier and zeros."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field
from torch import nn

from ganspec.kinds.initializer import Initializer, init_weights
from ganspec.language.types import Number, Positive
from ganspec.program.ir import Call


class Kaiming(Initializer, kind="kaiming"):
    """Weights scaled by a layer's number of inputs (He et al., 2015), biases 0.

    As in torch, the outputs count as inputs in a transposed convolution.
    """

    primary: ClassVar = "distribution"

    distribution: Literal["uniform", "normal"] = "uniform"
    slope: Number = Field(0.0, description="slope of the `leaky_relu` that follows; 0 for a relu")

    def call(self) -> Call:
        uniform = self.distribution == "uniform"
        fill = nn.init.kaiming_uniform_ if uniform else nn.init.kaiming_normal_
        return Call(init_weights, fill=fill, a=self.slope)


class Normal(Initializer, kind="normal"):
    """Weights from N(0, std^2), biases 0."""

    primary: ClassVar = "std"

    std: Positive = 0.02

    def call(self) -> Call:
        return Call(init_weights, fill=nn.init.normal_, std=self.std)


class Orthogonal(Initializer, kind="orthogonal"):
    """Orthogonal weights (Saxe et al., 2014; BigGAN), biases 0."""

    primary: ClassVar = "gain"

    gain: Positive = 1.0

    def call(self) -> Call:
        return Call(init_weights, fill=nn.init.orthogonal_, gain=self.gain)


class Xavier(Initializer, kind="xavier"):
    """Weights scaled by a layer's inputs and outputs (Glorot & Bengio, 2010), biases 0."""

    primary: ClassVar = "distribution"

    distribution: Literal["uniform", "normal"] = "uniform"
    gain: Number = 1.0

    def call(self) -> Call:
        uniform = self.distribution == "uniform"
        fill = nn.init.xavier_uniform_ if uniform else nn.init.xavier_normal_
        return Call(init_weights, fill=fill, gain=self.gain)


class Zeros(Initializer, kind="zeros"):
    """Weights and biases 0, as for the last layer of a residual branch."""

    def call(self) -> Call:
        return Call(init_weights, fill=nn.init.zeros_)
