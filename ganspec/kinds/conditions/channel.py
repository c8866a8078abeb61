"""The label as one more channel of a map."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from ganspec.kinds.condition import Condition
from ganspec.kinds.conditions.label import concatenate, embed, label_vector, plane
from ganspec.kinds.layer import Layer, Lowering
from ganspec.language.types import Width
from ganspec.program.ir import Value


class Channel(Condition, kind="channel"):
    """Adds a channel to a map: the label through a linear layer of height x width outputs.

    The linear layer reads the label one-hot, multi-hot, or as an embedding of `embedding` numbers.
    """

    primary: ClassVar = "embedding"
    embeds: ClassVar = True

    embedding: Width | None = Field(None, description="numbers in an embedding of the label")
    hidden: Layer | None = Field(None, description="activation after the linear layer")

    def join(self, net: Lowering, x: Value) -> Value:
        if not x.is_map:
            help = "use concat or embedding, or the layer `join_label: channel` after project"
            net.refuse("shape-mismatch", f"channel expects a map, got a vector of {x}", x, help)
        label = embed(net, self.embedding) if self.embedding else label_vector(net)
        return concatenate(net, x, plane(net, label, x, self.hidden))
