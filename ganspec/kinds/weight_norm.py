"""Base class of weight norms: functions of a module that has a `weight`."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from ganspec.language.kinds import Kind
from ganspec.program.ir import Call


class WeightNorm(Kind, family="weight_norm"):
    """A reparametrisation of a layer's weight.

    A kind defines `wrap`, which returns a `Call` of a function. The function takes a module with a
    `weight`, changes the module in place, and returns the module.
    """

    def wrap(self) -> Call | None:
        """Return the function and its keyword arguments, or None to leave modules unchanged."""
        raise NotImplementedError

    def call(self) -> Call | None:
        """Return the call of `wrap` with its arguments by name; None if `wrap` returns None."""
        call = self.wrap()
        return call and call.by_name()

    def function(self) -> Callable | None:
        """Return the function of `wrap` with its arguments bound; None if `wrap` returns None."""
        if (call := self.call()) is None:
            return None
        return partial(call.function, **call.kwargs) if call.kwargs else call.function
