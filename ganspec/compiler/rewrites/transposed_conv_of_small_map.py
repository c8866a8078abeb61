"""A transposed convolution of a map of few pixels is a matrix product and a sum of patches."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import nn

from ganspec.compiler.rewrites.arguments import arguments
from ganspec.compiler.rewrites.operands import in_autocast, transposed_size, with_bias
from ganspec.compiler.rewrites.small_maps import MOST_PIXELS, Geometry, Spread, is_strided
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
    x, weight = in_autocast(x, module.weight)
    kernel, stride, padding = weight.shape[2:], int(module.stride[0]), int(module.padding[0])
    size = transposed_size(x.shape[2:], kernel, stride, padding)
    y = Spread.apply(x, weight, Geometry(kernel, stride, padding, size))
    return with_bias(y, module.bias)
