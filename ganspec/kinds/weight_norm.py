"""What every weight norm is: a function laid around a module that has a `weight`."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from ganspec.language.kinds import Kind
from ganspec.program.ir import Call


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
