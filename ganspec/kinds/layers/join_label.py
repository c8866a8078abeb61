"""A layer that joins the label to its input."""

from __future__ import annotations

from typing import ClassVar

from ganspec.kinds.condition import Condition
from ganspec.kinds.layer import Layer, Lowering
from ganspec.program.ir import Value


class JoinLabel(Layer, kind="join_label"):
    """Joins the label to its input: `join_label: {embedding: {size: 50, join: map}}`.

    The key `condition` of a network does the same before its first layer.
    """

    primary: ClassVar = "condition"

    condition: Condition

    def lower(self, net: Lowering, x: Value) -> Value:
        return net.join(self.condition, x)
