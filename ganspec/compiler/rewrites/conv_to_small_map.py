"""A convolution with a stride that makes a map of few pixels is a matrix product of patches."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import nn

from ganspec.compiler.rewrites.arguments import arguments
from ganspec.compiler.rewrites.small_maps import MOST_PIXELS, Convolve, in_autocast, is_strided
from ganspec.program.ir import Call, Value

TARGETS = (nn.Conv2d,)


def fits(calls: Sequence[Call], x: Value) -> bool:
    """Return True for a convolution with a stride and many weights to a map of few pixels."""
    if not is_strided(calls[0]):
        return False
    conv = arguments(calls[0])
    made = nn.Conv2d(1, 1, conv["kernel_size"], conv["stride"], conv["padding"], device="meta")
    pixels = made(torch.empty(1, 1, *x.size, device="meta"))
    return math.prod(pixels.shape) <= MOST_PIXELS


def apply(module: nn.Conv2d, x: torch.Tensor) -> torch.Tensor:
    """Return `module(x)`."""
    if x.device.type != "cpu":
        return module(x)
    x, weight = in_autocast(x, module.weight)
    y = Convolve.apply(x, weight, int(module.stride[0]), int(module.padding[0]))
    return y if module.bias is None else y + module.bias.to(y.dtype)[:, None, None]
