"""A transposed convolution of a 1 x 1 map is one matrix product.

Each place of the result is the input vector times one slice of the kernel; padding cuts places off.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import nn

from ganspec.program.ir import Call, Value


def fits(call: Call, inputs: Sequence[Value]) -> bool:
    """Return True if `apply` equals the call's module to rounding."""
    if call.target is not nn.ConvTranspose2d or inputs[0].shape[1:] != (1, 1):
        return False
    given = {**dict(zip(NAMES, call.args, strict=False)), **call.kwargs}
    return all(given.get(name, values[0]) in values for name, values in NEUTRAL.items())


NAMES = ("in_channels", "out_channels", "kernel_size", "stride", "padding", "output_padding")
# arguments that `apply` ignores, with the values at which they change nothing
NEUTRAL = {"groups": (1,), "output_padding": (0, (0, 0)), "dilation": (1, (1, 1))}


def apply(module: nn.ConvTranspose2d, x: torch.Tensor) -> torch.Tensor:
    """Return `module(x)` for x of N x C x 1 x 1."""
    weight = module.weight
    rows, columns = map(int, module.padding)
    if rows or columns:  # the margin that padding cuts away
        height, width = weight.shape[2:]
        weight = weight[:, :, rows : height - rows, columns : width - columns]
    y = F.linear(x.flatten(1), weight.flatten(1).t()).unflatten(1, weight.shape[1:])
    return y if module.bias is None else y + module.bias[:, None, None]
