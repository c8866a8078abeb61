"""A convolution before an average pool is one convolution with a stride and a larger kernel.

The pool's windows do not overlap, so the stride is the windows' size. The larger kernel is the mean
of the original one, shifted to each position in a window. For windows of 2 x 2 and a kernel of 3 x
3, the larger kernel has 4 x 4 numbers, so 16 products replace 36.
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
    """Return True for a plain convolution and a pool with a `window`, if that saves products."""
    kernel, size = arguments(calls[0])["kernel_size"], window(calls[1])
    return (
        is_plain_conv(calls[0])
        and isinstance(kernel, int)
        and size is not None
        and kernel + size - 1 < size * kernel
    )


def window(call: Call) -> int | None:
    """Return the size of a pool's windows if it takes means of square windows, side by side.

    Return None for other pools.
    """
    pool = arguments(call)
    size, stride = pool["kernel_size"], pool["stride"]
    is_mean = pool["divisor_override"] is None and pool["padding"] == 0 and not pool["ceil_mode"]
    return size if isinstance(size, int) and stride in (None, size) and is_mean else None


def apply(conv: nn.Conv2d, pool: nn.AvgPool2d, x: torch.Tensor) -> torch.Tensor:
    """Return `pool(conv(x))`."""
    size = pool.kernel_size if isinstance(pool.kernel_size, int) else pool.kernel_size[0]
    if not is_worth(len(x) * x[0, 0].numel() // size**2):
        return pool(conv(x))
    weight = window_sums(conv.weight, size) / size**2
    return F.conv2d(x, weight, conv.bias, size, conv.padding)
