from typing import ClassVar

import torch.nn.functional as F
from torch import nn

from ganspec.extend import Call, Layer, Value


class Blur(nn.Module):
    """Average over 3 x 3 pixels with the weights 1, 2, 1."""

    def forward(self, x):
        x = F.avg_pool2d(F.pad(x, (1, 0, 1, 0), mode="replicate"), 2, stride=1)
        return F.avg_pool2d(F.pad(x, (0, 1, 0, 1), mode="replicate"), 2, stride=1)


class BlurLayer(Layer, kind="blur"):
    """Average over 3 x 3 pixels with the weights 1, 2, 1."""

    expects: ClassVar = "map"
    examples: ClassVar = [(None, (4, 6, 5))]

    def call(self, x: Value) -> Call:
        return Call(Blur)
