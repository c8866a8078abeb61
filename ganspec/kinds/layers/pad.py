"""A layer that pads a map."""

from __future__ import annotations

from typing import ClassVar, Literal

from torch import nn

from ganspec.kinds.layer import Layer
from ganspec.language.types import Pair, pair
from ganspec.program.ir import Call, Value

MODULES = {
    "zero": nn.ZeroPad2d,
    "reflect": nn.ReflectionPad2d,
    "replicate": nn.ReplicationPad2d,
}


class Pad(Layer, kind="pad"):
    """Adds `size` rows and columns on every side, of zeros or copied from the map."""

    primary: ClassVar = "size"
    expects: ClassVar = "map"
    examples: ClassVar = [
        ({"size": 2}, (4, 3, 3)),
        ({"size": [1, 2], "mode": "reflect"}, (4, 3, 5)),
        ({"size": 2, "mode": "replicate"}, (4, 3, 5)),
    ]

    size: Pair
    mode: Literal["zero", "reflect", "replicate"] = "zero"

    def call(self, x: Value) -> Call:
        rows, columns = pair(self.size)
        size = rows if rows == columns else (columns, columns, rows, rows)
        return Call(MODULES[self.mode], size)
