"""Base class of conditions: ways for the label to join a network's running value."""

from __future__ import annotations

from typing import ClassVar

from ganspec.kinds.layer import Examples, Lowering
from ganspec.language.kinds import Kind
from ganspec.program.ir import Value


class Condition(Kind, family="condition"):
    """A way to bring the label into a network.

    A kind defines `join`. The label is `net.label`: an index if each image is of one class, a
    vector of 0s and 1s if it may be of several. Reading it in a spec without labels raises
    SpecError. `examples` are pairs of fields and an input shape that tests run: a vector's shape if
    the condition joins the label to vectors and maps, a map's if it needs a map. The `primary`
    field of a condition that `embeds` is the length of an embedding.
    """

    examples: ClassVar[Examples] = []
    embeds: ClassVar[bool] = False

    @property
    def way(self) -> str:
        """The way in which the label joins, for comparisons: `concat`, `product`, `channel`."""
        return self.kind

    def join(self, net: Lowering, x: Value) -> Value:
        """Add the calls that join the label to `x` to `net`, and return the last value."""
        raise NotImplementedError
