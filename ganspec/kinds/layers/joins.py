"""Layers that join a named earlier value to their input."""

from __future__ import annotations

import operator
from typing import ClassVar

from ganspec.kinds.conditions.label import concatenate
from ganspec.kinds.layer import Layer, Lowering
from ganspec.language.types import Name
from ganspec.program.ir import Call, Value


def _map_help(name: str, x: Value, other: Value) -> str | None:
    """Return help if one of `x` and `other` is a map and the other a vector, else None.

    `name` is the name of `other` in the spec.
    """
    if x.is_map == other.is_map:
        return None
    if x.is_map:
        return f"make a map of `{name}` by `project: {{from: {name}, ...}}`, and join that by name"
    return f"make a map of the vector before it, such as by `project: {list(other.shape)}`"


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
            net.refuse("shape-mismatch", message, other, _map_help(self.value, x, other) or help)
        return concatenate(net, x, other)


class Add(Layer, kind="add"):
    """Adds a named earlier value to the input."""

    role: ClassVar = "join"
    primary: ClassVar = "value"

    value: Name

    def lower(self, net: Lowering, x: Value) -> Value:
        other = net.tapped(self.value)
        if x.shape != other.shape:
            by = "conv with as many channels" if x.is_map else "linear layer of the same size"
            help = f"give both the same shape, such as by a {by}"
            message = f"cannot add `{self.value}`, {other}, to {x}"
            net.refuse("shape-mismatch", message, other, _map_help(self.value, x, other) or help)
        return net.add(Call(operator.add), x, other)
