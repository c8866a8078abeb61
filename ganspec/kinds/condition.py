"""Base class of conditions, which join the label to a value inside a network."""

from __future__ import annotations

from typing import ClassVar

from ganspec.kinds.layer import Examples, Lowering
from ganspec.language.kinds import Kind
from ganspec.program.ir import Value


class Condition(Kind, family="condition"):
    """A way for a network to read the label.

    A kind defines `join`, which reads the label as `net.label`: a class index, or a vector of 0s
    and 1s if an image may have several classes. `net.label` raises SpecError if the network gets no
    labels. `examples` are pairs of fields and an input shape, which tests try: the shape of a map
    if the condition needs a map, else of a vector. `embeds` is True if `primary` is the length of
    an embedding.
    """

    examples: ClassVar[Examples] = []
    embeds: ClassVar[bool] = False

    @property
    def way(self) -> str:
        """Name of the operation that joins the label, such as `product`, for `ganspec compare`."""
        return self.kind

    def join(self, net: Lowering, x: Value) -> Value:
        """Add steps to `net` that join the label to `x`. Return the value that they compute."""
        raise NotImplementedError
