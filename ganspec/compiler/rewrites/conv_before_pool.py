"""The means of a convolution's results in windows are a convolution with a step.

The windows do not overlap, so each mean is one product of the pixels below it with a larger kernel:
the means of the smaller one's neighbours. For windows of 2 x 2 and a kernel of 3 x 3 it has 4 x 4
numbers, and 16 products replace 36.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import nn

from ganspec.compiler.rewrites.arguments import arguments, is_plain_conv
from ganspec.compiler.rewrites.sums import is_worth, window_sums
from ganspec.program.ir import Call, Value

TARGETS = (nn.Conv2d, nn.AvgPool2d)


def fits(calls: Sequence[Call], x: Value) -> bool:
    """Return True for plain windows, and for a kernel whose means make fewer products."""
    kernel, size = arguments(calls[0])["kernel_size"], window(calls[1])
    return (
        is_plain_conv(calls[0])
        and isinstance(kernel, int)
        and size is not None
        and kernel + size - 1 < size * kernel
    )


def window(call: Call) -> int | None:
    """Return the size of square windows next to each other, without padding; None for others."""
    pool = arguments(call)
    size, stride = pool["kernel_size"], pool["stride"]
    is_plain = stride in (None, size) and pool["padding"] == 0 and not pool["ceil_mode"]
    return size if isinstance(size, int) and is_plain else None


def apply(conv: nn.Conv2d, pool: nn.AvgPool2d, x: torch.Tensor) -> torch.Tensor:
    """Return `pool(conv(x))`."""
    size = pool.kernel_size if isinstance(pool.kernel_size, int) else pool.kernel_size[0]
    if not is_worth(len(x) * x[0, 0].numel() // size**2):
        return pool(conv(x))
    weight = window_sums(conv.weight, size) / size**2
    return F.conv2d(x, weight, conv.bias, size, conv.padding)
