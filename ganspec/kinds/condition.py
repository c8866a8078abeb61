"""What every condition is: a way for the label to join a network's running value."""

from __future__ import annotations

from typing import ClassVar

from ganspec.language.kinds import Kind
from ganspec.program.ir import Value
from ganspec.program.lowering import Lowering


class Condition(Kind, family="condition"):
    """A method of conditioning.

    The label is `net.label`: an index where images are of one class each, and a vector of 0 and 1
    where they may be of several. Reading it is a mistake of the spec where that has no labels.
    `examples` are (fields, input shape) pairs that tests run: of a vector's shape for conditions
    that can join the label to anything, and of a map's for those that need a map. The `primary`
    field of one that `embeds` is the length of an embedding.
    """

    examples: ClassVar[list[tuple[dict | None, tuple[int, ...]]]] = []
    embeds: ClassVar[bool] = False

    @property
    def way(self) -> str:
        """Return how the label joins, for comparisons: `concat`, `product`, `channel` (one map)."""
        return self.kind

    def join(self, net: Lowering, x: Value) -> Value:
        """Add the calls that join the label to `x`; the value they make."""
        raise NotImplementedError
