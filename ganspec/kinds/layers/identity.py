"""Nothing."""

from __future__ import annotations

from typing import ClassVar

from ganspec.kinds.layer import Layer
from ganspec.program.ir import Value


class Identity(Layer, kind="identity"):
    """What comes in goes out: a place for `as:` or for a layer that an override removed."""

    examples: ClassVar = [(None, (4, 3, 3))]

    def lower(self, net, x: Value) -> Value:
        return x
