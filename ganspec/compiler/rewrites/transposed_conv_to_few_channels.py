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
    """Return True for a transposed convolution from many channels to few.

    Stride and padding must be the same in height and width; groups, output padding and dilation
    are not allowed.
    """
    conv = arguments(calls[0])
    return (
        makes_few(conv["in_channels"], conv["out_channels"])
        and isinstance(conv["stride"], int)
        and isinstance(conv["padding"], int)
        and (conv["groups"], conv["output_padding"], conv["dilation"]) == (1, 0, 1)
    )


def apply(module: nn.ConvTranspose2d, x: torch.Tensor) -> torch.Tensor:
    """Return `module(x)`."""
    stride, padding = int(module.stride[0]), int(module.padding[0])
    return conv_transpose(x, module.weight, module.bias, stride, padding)
