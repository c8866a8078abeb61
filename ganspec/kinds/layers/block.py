"""A call of one of the spec's blocks."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator

from ganspec.kinds.layer import Layer, Lowering
from ganspec.language.expr import Width
from ganspec.language.types import Name
from ganspec.program.ir import Value


def _widths(arguments: dict[str, object]) -> dict[str, object]:
    """Return a block's arguments with a `Width` in place of each plain int."""
    # the caller computes the channels of the block's output from the arguments: in their text a
    # plain int is the name of its parameter, which the caller lacks, and a `Width` is the number
    return {k: Width(v) if type(v) is int else v for k, v in arguments.items()}


class Block(Layer, kind="block"):
    """A call of a spec's block with its arguments; emitted source has a class for the block."""

    block: Name
    doc: str = ""
    arguments: Annotated[dict[str, object], AfterValidator(_widths)] = {}
    layers: tuple[Layer, ...]

    def lower(self, net: Lowering, x: Value) -> Value:
        return net.block(self, x)
