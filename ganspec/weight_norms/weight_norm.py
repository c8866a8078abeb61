"""What every weight norm is: a function laid around a module that has a `weight`."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from torch import nn

from ganspec.compiler.ir import Call
from ganspec.language.kinds import Kind


class WeightNorm(Kind, family="weight_norm"):
    """A reparametrisation of a layer's weight."""

    def wrap(self) -> Call | None:
        """The call that wraps a module, or None to leave it as it is."""
        raise NotImplementedError

    def function(self) -> Callable | None:
        """The same as one function of a module."""
        call = self.wrap()
        if call is None:
            return None
        return partial(call.target, **call.kwargs) if call.kwargs else call.target

    def sizes(self, module: nn.Module) -> tuple[int, int]:
        """How many parameters and floating-point buffers wrapping `module` adds."""
        return 0, 0


def matrix(module: nn.Module) -> tuple[int, int]:
    """The weight as a matrix: outputs, and everything else. Transposed convs have theirs second."""
    outputs = module.weight.shape[1 if isinstance(module, nn.ConvTranspose2d) else 0]
    return outputs, module.weight.numel() // outputs
