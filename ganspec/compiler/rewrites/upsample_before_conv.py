"""A convolution of repeated pixels is a transposed convolution of the pixels.

If each pixel is repeated f times in height and width, neighbouring numbers of the kernel multiply
the same pixel. Their sums are the kernel of a transposed convolution of stride f. For f = 2 and a
kernel of 3 x 3, the sums are 4 x 4 numbers, so 16 products replace 36.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from ganspec.compiler.rewrites.arguments import arguments, is_plain_conv
from ganspec.compiler.rewrites.few_channels import conv_transpose
from ganspec.compiler.rewrites.sums import is_worth, window_sums
from ganspec.program.ir import Call, Value

TARGETS = (nn.Upsample, nn.Conv2d)


def fits(calls: Sequence[Call], x: Value) -> bool:
    """Return True for repeated pixels and a plain convolution, if sums need fewer products."""
    up, conv = map(arguments, calls)
    factor, kernel = up["scale_factor"], conv["kernel_size"]
    return (
        up["mode"] == "nearest"
        and isinstance(factor, int)
        and is_plain_conv(calls[1])
        and isinstance(kernel, int)
        and kernel + factor - 1 < factor * kernel
    )


def apply(upsample: nn.Upsample, conv: nn.Conv2d, x: torch.Tensor) -> torch.Tensor:
    """Return `conv(upsample(x))`."""
    if not is_worth(len(x) * x[0, 0].numel()):
        return conv(upsample(x))
    scale = upsample.scale_factor
    factor = int(scale[0] if isinstance(scale, tuple) else scale)  # type: ignore[arg-type]
    weight = window_sums(conv.weight.flip(2, 3), factor).transpose(0, 1)
    padding = conv.kernel_size[0] - 1 - int(conv.padding[0])
    return conv_transpose(x, weight, conv.bias, factor, padding)
