"""Activations: functions of each number, and the softmax over channels."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field
from torch import nn

from ganspec.kinds.layer import Examples, Layer
from ganspec.language.types import Number
from ganspec.program.ir import Call, Value

EXAMPLES: Examples = [(None, (4, 3, 3)), (None, (5,))]


class Activation(Layer):
    """Base class of activations."""

    role: ClassVar = "activation"
    module: ClassVar[type[nn.Module]]
    examples = EXAMPLES

    def call(self, x: Value) -> Call:
        return Call(self.module)


class ReLU(Activation, kind="relu"):
    """max(x, 0)."""

    module: ClassVar = nn.ReLU


class SELU(Activation, kind="selu"):
    """Scaled exponential linear unit (Klambauer et al., 2017)."""

    module: ClassVar = nn.SELU


class SiLU(Activation, kind="silu"):
    """x sigmoid(x), also called swish."""

    module: ClassVar = nn.SiLU


class Softplus(Activation, kind="softplus"):
    """log(1 + exp(x)): a smooth relu."""

    module: ClassVar = nn.Softplus


class Tanh(Activation, kind="tanh"):
    """Hyperbolic tangent: between -1 and 1."""

    noun: ClassVar = "the tanh"
    module: ClassVar = nn.Tanh
    output_range: ClassVar = (-1.0, 1.0)


class Sigmoid(Activation, kind="sigmoid"):
    """1 / (1 + exp(-x)): between 0 and 1."""

    noun: ClassVar = "the sigmoid"
    module: ClassVar = nn.Sigmoid
    output_range: ClassVar = (0.0, 1.0)


class GELU(Activation, kind="gelu"):
    """x times the normal distribution function at x, or with `approximate: tanh` close to that."""

    primary: ClassVar = "approximate"
    examples: ClassVar = [*EXAMPLES, ({"approximate": "tanh"}, (5,))]

    approximate: Literal["none", "tanh"] = "none"

    def call(self, x: Value) -> Call:
        return Call(nn.GELU, approximate=self.approximate)


class LeakyReLU(Activation, kind="leaky_relu"):
    """x where positive, else `slope` times x."""

    primary: ClassVar = "slope"
    framework_defaults: ClassVar = {
        "keras": {"slope": 0.3},
        "tensorflow": {"slope": 0.2},
    }
    examples: ClassVar = [*EXAMPLES, ({"slope": 0.2}, (5,))]

    slope: Number = 0.01

    def call(self, x: Value) -> Call:
        return Call(nn.LeakyReLU, self.slope)


class PReLU(Activation, kind="prelu"):
    """x where positive, else one learned slope times x (He et al., 2015).

    `framework: keras` starts the slope at 0. Keras itself has one slope for each number.
    """

    primary: ClassVar = "slope"
    framework_defaults: ClassVar = {"keras": {"slope": 0.0}}
    examples: ClassVar = [*EXAMPLES, ({"slope": 0.1}, (5,))]

    slope: Number = Field(0.25, description="initial slope")

    def call(self, x: Value) -> Call:
        return Call(nn.PReLU, init=self.slope)


class ELU(Activation, kind="elu"):
    """x where positive, else `alpha` (exp(x) - 1)."""

    primary: ClassVar = "alpha"
    examples: ClassVar = [*EXAMPLES, ({"alpha": 0.5}, (5,))]

    alpha: Number = 1.0

    def call(self, x: Value) -> Call:
        return Call(nn.ELU, self.alpha)


class Softmax(Activation, kind="softmax"):
    """Softmax over the channels: probabilities, which sum to 1."""

    noun: ClassVar = "the softmax"

    def call(self, x: Value) -> Call:
        return Call(nn.Softmax, dim=1)
