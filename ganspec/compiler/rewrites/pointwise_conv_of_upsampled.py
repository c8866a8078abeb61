"""A 1 x 1 convolution after an upsampling can be computed before it.

A 1 x 1 convolution combines channels and an interpolation combines pixels, so their order does not
matter. The weights of an interpolation add up to 1, so the bias stays the same, too. Before the
upsampling there are fewer pixels to convolve.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from ganspec.compiler.rewrites.arguments import arguments, is_plain_conv
from ganspec.program.ir import Call, Value

TARGETS = (nn.Upsample, nn.Conv2d)


def fits(calls: Sequence[Call], x: Value) -> bool:
    """Return True for a plain 1 x 1 convolution."""
    return is_plain_conv(calls[1]) and arguments(calls[1])["kernel_size"] == 1


def apply(upsample: nn.Upsample, conv: nn.Conv2d, x: torch.Tensor) -> torch.Tensor:
    """Return `conv(upsample(x))`, computed in the other order."""
    return upsample(conv(x))
