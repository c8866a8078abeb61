"""Layers that join a named earlier value to their input."""

from __future__ import annotations

import operator
from typing import ClassVar

from ganspec.kinds.conditions.label import concatenate
from ganspec.kinds.layer import Layer, Lowering
from ganspec.language.types import Name
from ganspec.program.ir import Call, Value


class Concat(Layer, kind="concat"):
    """Appends the channels of a named earlier value to the input's channels (U-Net)."""

    role: ClassVar = "join"
    primary: ClassVar = "value"

    value: Name

    def lower(self, net: Lowering, x: Value) -> Value:
        other = net.tapped(self.value)
        if x.shape[1:] != other.shape[1:]:
            help = "give both the same height and width, such as by a pool or upsample"
            message = f"cannot join {x} with `{self.value}`, {other}"
            net.refuse("shape-mismatch", message, other, help)
        return concatenate(net, x, other)


class Add(Layer, kind="add"):
    """Adds a named earlier value to the input."""

    role: ClassVar = "join"
    primary: ClassVar = "value"

    value: Name

    def lower(self, net: Lowering, x: Value) -> Value:
        other = net.tapped(self.value)
        if x.shape != other.shape:
            help = "give both the same shape, such as by a conv with as many channels"
            message = f"cannot add `{self.value}`, {other}, to {x}"
            net.refuse("shape-mismatch", message, other, help)
        return net.add(Call(operator.add), x, other)
