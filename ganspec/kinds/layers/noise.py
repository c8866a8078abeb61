"""Normal noise that is added in training."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import nn

from ganspec.kinds.layer import Layer
from ganspec.language.types import Positive
from ganspec.program.ir import Call, Value


class GaussianNoise(nn.Module):
    """Adds N(0, std^2) to every number while training."""

    def __init__(self, std):
        super().__init__()
        self.std = std

    def forward(self, x):
        return x + self.std * torch.randn_like(x) if self.training else x


class Noise(Layer, kind="noise"):
    """Adds normal noise of standard deviation `std` while training (Arjovsky & Bottou, 2017)."""

    noun: ClassVar = "noise"
    primary: ClassVar = "std"
    examples: ClassVar = [(None, (4, 3, 3)), ({"std": 0.5}, (5,))]

    std: Positive = 0.1

    def call(self, x: Value) -> Call:
        return Call(GaussianNoise, self.std)
