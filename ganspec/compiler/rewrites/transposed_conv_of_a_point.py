"""A transposed convolution of a 1 x 1 map is one matrix product.

Each pixel of the result is the input vector times one slice of the kernel. Padding cuts off the
outer pixels.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import nn

from ganspec.compiler.rewrites.arguments import arguments
from ganspec.compiler.rewrites.operands import with_bias
from ganspec.program.ir import Call, Value

TARGETS = (nn.ConvTranspose2d,)


def fits(calls: Sequence[Call], x: Value) -> bool:
    """Return True for a 1 x 1 map and a kernel without groups, output padding or dilation."""
    conv = arguments(calls[0])
    neutral = (conv["groups"], conv["output_padding"], conv["dilation"]) == (1, 0, 1)
    return x.shape[1:] == (1, 1) and neutral


def apply(module: nn.ConvTranspose2d, x: torch.Tensor) -> torch.Tensor:
    """Return `module(x)` for `x` of N x C x 1 x 1."""
    weight = module.weight
    rows, columns = map(int, module.padding)
    if rows or columns:
        height, width = weight.shape[2:]
        weight = weight[:, :, rows : height - rows, columns : width - columns]
    # in its own memory order, as the weight is often larger than the maps, and a copy slow
    if weight.is_contiguous():
        y = F.linear(x.flatten(1), weight.flatten(1).t()).unflatten(1, weight.shape[1:])
    else:
        pixels = weight.permute(0, 2, 3, 1)
        y = F.linear(x.flatten(1), pixels.flatten(1).t()).unflatten(1, pixels.shape[1:])
        y = y.permute(0, 3, 1, 2)
    return with_bias(y, module.bias)
