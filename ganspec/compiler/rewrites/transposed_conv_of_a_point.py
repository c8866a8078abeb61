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
# Measured on a CPU with instructions for bf16: with so few rows, a product in single precision
# takes less time than its matrix's conversion to half precision and the product in it.
MOST_ROWS = 128


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
    # without padding, in the weight's own memory order: copying it may take longer than the product
    is_last = not weight.is_contiguous()
    kernel = weight.permute(0, 2, 3, 1) if is_last else weight
    y = _product(x.flatten(1), kernel.flatten(1)).unflatten(1, kernel.shape[1:])
    return with_bias(y.permute(0, 3, 1, 2) if is_last else y, module.bias)


def _product(x: torch.Tensor, matrix: torch.Tensor) -> torch.Tensor:
    """Return the matrix product of the rows `x` and `matrix`."""
    if not torch.is_autocast_enabled("cpu") or not x.is_cpu or len(x) > MOST_ROWS:
        return F.linear(x, matrix.t())
    with torch.autocast("cpu", enabled=False):
        y = F.linear(x.float(), matrix.t())
    return y.to(torch.get_autocast_dtype("cpu"))
