"""Base class of weight norms: functions of a module that has a `weight`."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from ganspec.language.kinds import Kind
from ganspec.program.ir import Call


class WeightNorm(Kind, family="weight_norm"):
    """A reparametrisation of a layer's weight.

    A kind defines `wrap`. The function takes a module that has a `weight`, changes it, and returns
    it.
    """

    def wrap(self) -> Call | None:
        """Return a function of a module with its keyword arguments; None changes no module."""
        raise NotImplementedError

    def function(self) -> Callable | None:
        """Return `wrap` as a function of a module alone, or None."""
        if (call := self.wrap()) is None:
            return None
        return partial(call.function, **call.kwargs) if call.kwargs else call.function
