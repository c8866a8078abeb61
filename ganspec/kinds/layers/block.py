"""A call of one of the spec's own blocks."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator

from ganspec.kinds.layer import Layer
from ganspec.language.expr import Width
from ganspec.language.types import Name
from ganspec.program.ir import Value


def _widths(arguments: dict[str, object]) -> dict[str, object]:
    # a plain number would be taken for the parameter's name where the block's width is worked out
    return {k: Width(v) if type(v) is int else v for k, v in arguments.items()}


class Block(Layer, kind="block"):
    """A named piece of the spec with its arguments; a class of its own in emitted source."""

    block: Name
    doc: str = ""
    arguments: Annotated[dict[str, object], AfterValidator(_widths)] = {}
    layers: tuple[Layer, ...]

    def lower(self, net, x: Value) -> Value:
        return net.block(self, x)
