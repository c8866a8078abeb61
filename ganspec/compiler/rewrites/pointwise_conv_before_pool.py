"""A 1 x 1 convolution before an average pool can be computed after the pool.

A 1 x 1 convolution combines channels and a mean combines pixels, so their order does not matter,
and a mean leaves the bias unchanged. After the pool there are fewer pixels to convolve.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from ganspec.compiler.rewrites.arguments import arguments, is_plain_conv
from ganspec.compiler.rewrites.conv_before_pool import window
from ganspec.program.ir import Call, Value

TARGETS = (nn.Conv2d, nn.AvgPool2d)


def fits(calls: Sequence[Call], x: Value) -> bool:
    """Return True for a plain 1 x 1 convolution, and a pool of which `window` gives the size."""
    pointwise = is_plain_conv(calls[0]) and arguments(calls[0])["kernel_size"] == 1
    return pointwise and window(calls[1]) is not None


def apply(conv: nn.Conv2d, pool: nn.AvgPool2d, x: torch.Tensor) -> torch.Tensor:
    """Return `pool(conv(x))`, computed in the other order."""
    return conv(pool(x))
