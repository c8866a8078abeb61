"""A convolution with a stride that makes a map of few pixels is a matrix product of patches."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from ganspec.compiler.rewrites.operands import in_autocast, with_bias
from ganspec.compiler.rewrites.small_maps import Convolve, Geometry, is_strided, makes_small_map
from ganspec.program.ir import Call, Value

TARGETS = (nn.Conv2d,)


def fits(calls: Sequence[Call], x: Value) -> bool:
    """Return True for a convolution with a stride and many weights to a map of few pixels."""
    return is_strided(calls[0]) and makes_small_map(calls[0], x.size)


def apply(module: nn.Conv2d, x: torch.Tensor) -> torch.Tensor:
    """Return `module(x)`."""
    if x.device.type != "cpu":
        return module(x)
    x, weight = in_autocast(x, module.weight)
    stride, padding = int(module.stride[0]), int(module.padding[0])
    where = Geometry(weight.shape[2:], stride, padding, x.shape[2:])
    return with_bias(Convolve.apply(x, weight, where), module.bias)
