"""A convolution that makes an image is a transposed convolution by the kernel, rotated by 180°.

This holds for stride 1. The transposed convolution is a matrix product and a sum of patches, and
its gradients are convolutions of few channels.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from ganspec.compiler.rewrites.arguments import arguments, is_plain_conv
from ganspec.compiler.rewrites.few_channels import conv_transpose, makes_few
from ganspec.program.ir import Call, Value

TARGETS = (nn.Conv2d,)


def fits(calls: Sequence[Call], x: Value) -> bool:
    """Return True for a plain convolution from many channels to few by more than a 1 x 1 kernel."""
    conv = arguments(calls[0])
    few = makes_few(conv["in_channels"], conv["out_channels"])
    return few and is_plain_conv(calls[0]) and conv["kernel_size"] != 1


def apply(module: nn.Conv2d, x: torch.Tensor) -> torch.Tensor:
    """Return `module(x)`."""
    if x.device.type != "cpu":
        return module(x)
    weight = module.weight.flip(2, 3).transpose(0, 1)
    padding = module.kernel_size[0] - 1 - int(module.padding[0])
    return conv_transpose(x, weight, module.bias, 1, padding)
