"""A layer that computes nothing."""

from __future__ import annotations

from typing import ClassVar

from ganspec.kinds.layer import Layer, Lowering
from ganspec.program.ir import Value


class Identity(Layer, kind="identity"):
    """Returns its input. It can name a value by `as`, or replace a layer by `--set`."""

    examples: ClassVar = [(None, (4, 3, 3))]

    def lower(self, net: Lowering, x: Value) -> Value:
        return x
