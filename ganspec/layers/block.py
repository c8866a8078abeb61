"""A call of one of the spec's own blocks."""

from __future__ import annotations

from ganspec.compiler.ir import Value
from ganspec.language.types import Name
from ganspec.layers.layer import Layer


class Block(Layer, kind="block"):
    """A named piece of the spec with its arguments; a class of its own in emitted source."""

    block: Name
    doc: str = ""
    arguments: dict[str, object] = {}
    layers: tuple[Layer, ...]

    def lower(self, net, x: Value) -> Value:
        return net.block(self, x)
