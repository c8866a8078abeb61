"""A transposed convolution of a map of few pixels is a matrix product and a sum of patches."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import nn

from ganspec.compiler.rewrites.arguments import arguments
from ganspec.compiler.rewrites.small_maps import MOST_PIXELS, Spread, in_autocast, is_strided
from ganspec.program.ir import Call, Value

TARGETS = (nn.ConvTranspose2d,)


def fits(calls: Sequence[Call], x: Value) -> bool:
    """Return True for a stride, many weights and a map of few pixels, without output padding."""
    few = math.prod(x.size) <= MOST_PIXELS
    return few and is_strided(calls[0]) and arguments(calls[0])["output_padding"] == 0


def apply(module: nn.ConvTranspose2d, x: torch.Tensor) -> torch.Tensor:
    """Return `module(x)`."""
    if x.device.type != "cpu":
        return module(x)
    stride, padding = int(module.stride[0]), int(module.padding[0])
    x, weight = in_autocast(x, module.weight)
    size = [
        (pixels - 1) * stride + width - 2 * padding
        for pixels, width in zip(x.shape[2:], weight.shape[2:], strict=True)
    ]
    y = Spread.apply(x, weight, stride, padding, size)
    return y if module.bias is None else y + module.bias.to(y.dtype)[:, None, None]
