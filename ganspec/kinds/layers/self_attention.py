"""Self-attention over positions."""

from __future__ import annotations

from typing import ClassVar, Literal

import torch
import torch.nn.functional as F
from torch import nn

from ganspec.kinds.layer import Lowering, Weighted
from ganspec.program.ir import Call, Value


class SelfAttention(nn.Module):
    """SAGAN's self-attention; at first `gamma` is 0, and the output is the input."""

    def __init__(self, channels, norm=None):
        super().__init__()
        norm = norm or (lambda layer: layer)
        self.query = norm(nn.Conv2d(channels, channels // 8, 1, bias=False))
        self.key = norm(nn.Conv2d(channels, channels // 8, 1, bias=False))
        self.value = norm(nn.Conv2d(channels, channels // 8, 1, bias=False))
        self.out = norm(nn.Conv2d(channels // 8, channels, 1, bias=False))
        self.gamma = nn.Parameter(torch.zeros(()))

    def weights(self, x):
        """Return how much each position attends to each position, n x hw x hw."""
        query = self.query(x).flatten(2)  # n x c/8 x hw
        key = self.key(x).flatten(2)  # n x c/8 x hw
        return torch.softmax(query.transpose(1, 2) @ key, dim=-1)

    def forward(self, x):
        weights = self.weights(x)
        value = self.value(x).flatten(2)  # n x c/8 x hw
        mixed = (value @ weights.transpose(1, 2)).unflatten(2, x.shape[2:])
        return x + self.gamma * self.out(mixed)


class PooledSelfAttention(nn.Module):
    """Self-attention with keys and values pooled 2 x 2, as in SAGAN's code."""

    def __init__(self, channels, norm=None):
        super().__init__()
        norm = norm or (lambda layer: layer)
        self.query = norm(nn.Conv2d(channels, channels // 8, 1, bias=False))
        self.key = norm(nn.Conv2d(channels, channels // 8, 1, bias=False))
        self.value = norm(nn.Conv2d(channels, channels // 2, 1, bias=False))
        self.out = norm(nn.Conv2d(channels // 2, channels, 1, bias=False))
        self.gamma = nn.Parameter(torch.zeros(()))

    def weights(self, x):
        """Return how much positions attend to pooled positions, n x hw x hw/4."""
        query = self.query(x).flatten(2)  # n x c/8 x hw
        key = F.max_pool2d(self.key(x), 2).flatten(2)  # n x c/8 x hw/4
        return torch.softmax(query.transpose(1, 2) @ key, dim=-1)

    def forward(self, x):
        weights = self.weights(x)
        value = F.max_pool2d(self.value(x), 2).flatten(2)  # n x c/2 x hw/4
        mixed = (value @ weights.transpose(1, 2)).unflatten(2, x.shape[2:])
        return x + self.gamma * self.out(mixed)


class Attention(Weighted, kind="self_attention"):
    """Self-attention over positions (Zhang et al., 2019), times a learned gamma, plus the input.

    Its four 1 x 1 convolutions have no biases. `report`: queries, keys and values have C/8
    channels, as in the paper's text. `pooled`: keys and values are pooled 2 x 2, and values have
    C/2 channels, as in the authors' code.
    """

    noun: ClassVar = "self attention"
    tells_size: ClassVar = True
    primary: ClassVar = "form"
    expects: ClassVar = "map"
    examples: ClassVar = [
        (None, (16, 4, 6)),
        ({"form": "pooled"}, (8, 4, 4)),
        ({"form": "pooled", "weight_norm": {"spectral": {"eps": 1e-4}}}, (8, 4, 4)),
        ({"weight_norm": "spectral"}, (8, 4, 4)),
    ]

    form: Literal["report", "pooled"] = "report"

    def lower(self, net: Lowering, x: Value) -> Value:
        if x.channels < 8:
            message = f"self_attention needs 8 channels or more, got {x}"
            net.refuse("shape-mismatch", message, x, "put it where there are more channels")
        module = SelfAttention if self.form == "report" else PooledSelfAttention
        norm = self.weight_norm or net.weight_norm
        bare = Call(module, x.channels)
        call = Call(module, x.channels, norm=norm.function() if norm else None, bare=bare)
        return net.add(call, x, initialize=self.init)
