"""Base class of conditions, which join the label to a value inside a network."""

from __future__ import annotations

from typing import ClassVar

from ganspec.kinds.layer import Examples, Lowering
from ganspec.language.kinds import Kind
from ganspec.program.ir import Value


class Condition(Kind, family="condition"):
    """A way to bring the label into a network.

    A kind defines `join`. `net.label` is the label: a class index, or a vector of 0s and 1s if an
    image may have several classes. `net.label` raises SpecError in a spec without labels. Tests run
    `examples`, pairs of fields and an input shape: a map's if the condition needs a map, else a
    vector's. `embeds` is True if the `primary` field is the length of an embedding.
    """

    examples: ClassVar[Examples] = []
    embeds: ClassVar[bool] = False

    @property
    def way(self) -> str:
        """Operation that joins the label, such as `concat` or `product`, for `ganspec compare`."""
        return self.kind

    def join(self, net: Lowering, x: Value) -> Value:
        """Join the label to `x` by adding steps to `net`. Return the last value."""
        raise NotImplementedError
