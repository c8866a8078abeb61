"""Base class of initializers: functions of a network, whose text goes into emitted files."""

# mypy: disable-error-code="arg-type"
# torch types attributes of a module that `getattr` tests as modules or tensors

from __future__ import annotations

from torch import nn

from ganspec.language.kinds import Kind
from ganspec.program.ir import Call


class Initializer(Kind, family="initializer"):
    """Initial weights of all layers of a network, or of one layer.

    A kind defines `call`. The function is at the top of its file, is named `init_...`, and changes
    the weights of the network, its first argument, in place.
    """

    def call(self) -> Call | None:
        """Return a function of a network with its keyword arguments; None keeps torch's weights."""
        raise NotImplementedError


def init_weights(network, fill, **options):
    """Fill the weights of all layers but norms, and set biases to 0."""
    for module in network.modules():
        if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d, nn.Linear, nn.Embedding)):
            wrapped = getattr(module, "parametrizations", None)  # by a spectral norm
            fill(wrapped.weight.original if wrapped else module.weight, **options)
            if getattr(module, "bias", None) is not None:
                nn.init.zeros_(module.bias)
