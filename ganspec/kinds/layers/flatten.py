"""A layer that flattens a map to a vector."""

from __future__ import annotations

from typing import ClassVar

from ganspec.kinds.layer import Layer, Lowering
from ganspec.program.ir import Value


class Flatten(Layer, kind="flatten"):
    """Map to vector: all numbers of the first channel, then all of the second, and so on."""

    examples: ClassVar = [(None, (4, 3, 5))]

    def lower(self, net: Lowering, x: Value) -> Value:
        return net.flatten(x)
