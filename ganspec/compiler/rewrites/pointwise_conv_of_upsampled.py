"""A 1 x 1 convolution of an upsampled map equals the upsampled convolution, bias included.

Both are linear, one in the channels, the other in the places, and the factors of an interpolation
add up to 1. The convolution first has fewer places.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from ganspec.compiler.rewrites.arguments import arguments, is_plain_conv
from ganspec.program.ir import Call, Value

TARGETS = (nn.Upsample, nn.Conv2d)


def fits(calls: Sequence[Call], x: Value) -> bool:
    """Return True for a 1 x 1 convolution."""
    return is_plain_conv(calls[1]) and arguments(calls[1])["kernel_size"] == 1


def apply(upsample: nn.Upsample, conv: nn.Conv2d, x: torch.Tensor) -> torch.Tensor:
    """Return `conv(upsample(x))`."""
    return upsample(conv(x))
