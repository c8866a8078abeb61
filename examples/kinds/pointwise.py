from typing import ClassVar

from torch import nn

from ganspec.extend import Call, Value, Weighted, Width


class Pointwise(Weighted, kind="pointwise"):
    """Convolution of each pixel by itself."""

    primary: ClassVar = "out"
    expects: ClassVar = "map"
    examples: ClassVar = [({"out": 6}, (4, 3, 5))]

    out: Width

    def call(self, x: Value) -> Call:
        return Call(nn.Conv2d, x.channels, self.out, 1, channels=self.out)
