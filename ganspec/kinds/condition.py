"""What every condition is: a way for the label to join a network's running value."""

from __future__ import annotations

from ganspec.language.kinds import Kind
from ganspec.program.ir import Value
from ganspec.program.lowering import Lowering


class Condition(Kind, family="condition"):
    """A method of conditioning.

    The label is `net.label`: an index where images are of one class each, and a vector of 0 and 1
    where they may be of several. Reading it is a mistake of the spec where that has no labels.
    """

    def join(self, net: Lowering, x: Value) -> Value:
        """Add the calls that join the label to `x`; the value they make."""
        raise NotImplementedError
