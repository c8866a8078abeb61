"""What every initializer is: a plain function of a network, moved into emitted files as text."""

from __future__ import annotations

from torch import nn

from ganspec.compiler.ir import Call
from ganspec.language.kinds import Kind


class Initializer(Kind, family="initializer"):
    """Initial weights of every layer of a network, or of one layer."""

    def call(self) -> Call | None:
        """The call that fills a network's weights, or None to leave torch's own."""
        raise NotImplementedError


def weights_and_biases(network):
    """Weights, under a spectral norm too, and biases of convs and linear layers."""
    for module in network.modules():
        if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)):
            wrapped = getattr(module, "parametrizations", None)
            yield wrapped.weight.original if wrapped else module.weight, module.bias
