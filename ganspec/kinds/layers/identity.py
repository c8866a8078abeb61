"""The identity."""

from __future__ import annotations

from typing import ClassVar

from ganspec.kinds.layer import Layer, Lowering
from ganspec.program.ir import Value


class Identity(Layer, kind="identity"):
    """Returns its input: a place for `as:`, or for a layer that an override removes."""

    examples: ClassVar = [(None, (4, 3, 3))]

    def lower(self, net: Lowering, x: Value) -> Value:
        return x
