from typing import ClassVar

from torch import nn

from ganspec.extend import Call, Initializer, Positive, init_weights


def init_uniform(network, bound=0.05):
    """Draw weights between -bound and bound, and set biases to 0."""
    init_weights(network, nn.init.uniform_, a=-bound, b=bound)


class Uniform(Initializer, kind="uniform"):
    """Weights between -bound and bound, biases 0."""

    primary: ClassVar = "bound"

    bound: Positive = 0.05

    def call(self) -> Call:
        return Call(init_uniform, bound=self.bound)
