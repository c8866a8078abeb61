"""A layer that joins the label to its input."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from ganspec.kinds.condition import Condition
from ganspec.kinds.layer import Layer, Lowering
from ganspec.program.ir import Value


class JoinLabel(Layer, kind="join_label"):
    """Joins the label to its input: `join_label: {embedding: {size: 50, join: map}}`.

    The key `condition` of a network joins the label before the first layer. If one of its layers is
    `join_label` without a value, the network's `condition` joins the label there instead.
    """

    primary: ClassVar = "condition"

    condition: Condition | None = Field(
        None, description="way to join the label, in place of the network's `condition`"
    )

    def lower(self, net: Lowering, x: Value) -> Value:
        if self.condition is not None:
            return net.join(self.condition, x)
        if net.condition is None:
            help = "write `join_label: concat`, or add `condition: concat` above the layers"
            net.refuse("missing-field", "the network has no `condition` to join by", None, help)
        return net.join(net.condition.model_copy().place(self.key_path, self.mark), x)
