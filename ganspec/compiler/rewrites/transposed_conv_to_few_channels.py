"""A transposed convolution that makes an image is a matrix product and a sum of patches."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from ganspec.compiler.rewrites.arguments import arguments
from ganspec.compiler.rewrites.few_channels import conv_transpose, makes_few
from ganspec.program.ir import Call, Value

TARGETS = (nn.ConvTranspose2d,)


def fits(calls: Sequence[Call], x: Value) -> bool:
    """Return True for a kernel from many channels to few, with the same step down and across."""
    given = arguments(calls[0])
    return (
        makes_few(given["in_channels"], given["out_channels"])
        and isinstance(given["stride"], int)
        and isinstance(given["padding"], int)
        and (given["groups"], given["output_padding"], given["dilation"]) == (1, 0, 1)
    )


def apply(module: nn.ConvTranspose2d, x: torch.Tensor) -> torch.Tensor:
    """Return `module(x)`."""
    stride, padding = int(module.stride[0]), int(module.padding[0])
    return conv_transpose(x, module.weight, module.bias, stride, padding)
