"""Base of initializers: plain functions of a network, moved into emitted files as text."""

from __future__ import annotations

from torch import nn

from ganspec.language.kinds import Kind
from ganspec.program.ir import Call


class Initializer(Kind, family="initializer"):
    """Initial weights of every layer of a network, or of one layer."""

    def call(self) -> Call | None:
        """The call that fills a network's weights, or None to leave torch's own."""
        raise NotImplementedError


def init_weights(network, fill, **options):
    """Fill the weights of all layers but norms, and set biases to 0."""
    for module in network.modules():
        if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d, nn.Linear, nn.Embedding)):
            wrapped = getattr(module, "parametrizations", None)  # by a spectral norm
            fill(wrapped.weight.original if wrapped else module.weight, **options)
            if getattr(module, "bias", None) is not None:
                nn.init.zeros_(module.bias)
