"""Base class of initializers: functions that fill a network's weights."""

# mypy: disable-error-code="arg-type, union-attr"
# torch's types say that every attribute of a module is a tensor or a module

from __future__ import annotations

import torch
from torch import nn

from ganspec.language.kinds import Kind
from ganspec.program.ir import Call


class Initializer(Kind, family="initializer"):
    """Initial weights of all layers of a network, or of one layer.

    A kind defines `call`, which returns a `Call` of a top-level function named `init_...`. The
    function's first argument is the network, or the module of the one layer. It changes the weights
    in place.
    """

    def call(self) -> Call | None:
        """Return the function and its keyword arguments, or None to keep torch's weights."""
        raise NotImplementedError


def filling(initializer: Initializer | None) -> Call | None:
    """Return the call of an initializer with its arguments by name; None for torch's weights."""
    call = initializer.call() if initializer else None
    return call and call.by_name()


def init_weights(network, fill, **options):
    """Fill conv, linear and embedding weights by `fill`; set biases, if any, to 0."""
    for module in network.modules():
        if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d, nn.Linear, nn.Embedding)):
            if not hasattr(module, "parametrizations"):
                fill(module.weight, **options)
            elif hasattr(module.parametrizations.weight, "original0"):  # under weight norm
                weight = torch.empty_like(module.weight)
                fill(weight, **options)
                module.weight = weight  # torch splits it into length and direction
            else:  # the weight that a spectral norm divides
                fill(module.parametrizations.weight.original, **options)
            if getattr(module, "bias", None) is not None:
                nn.init.zeros_(module.bias)
