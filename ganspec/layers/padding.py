"""How `padding: same` is spread, by framework."""

from __future__ import annotations

from typing import Literal

from ganspec.language.types import pair

Split = Literal["even", "end"]
"""`even` rounds an odd total up on both sides where the output's size allows it (PyTorch's
habit); `end` puts the odd row or column last (Keras and TensorFlow)."""

Sides = tuple[int, int]


def conv_padding(padding, kernel, stride, dilation, size, split: Split) -> tuple[Sides, Sides]:
    """Rows (top, bottom) and columns (left, right) added before a convolution of `size`."""
    if padding == "valid":
        return (0, 0), (0, 0)
    if padding != "same":
        return tuple((p, p) for p in pair(padding))
    sides = zip(pair(kernel), pair(stride), pair(dilation), size, strict=True)
    return tuple(_same(k, s, d, n, split) for k, s, d, n in sides)


def _same(kernel: int, stride: int, dilation: int, size: int, split: Split) -> Sides:
    span, wanted = (kernel - 1) * dilation + 1, -(-size // stride)
    total = max((wanted - 1) * stride + span - size, 0)
    half = -(-total // 2)
    if split == "even" and (size + 2 * half - span) // stride + 1 == wanted:
        return half, half
    return total // 2, total - total // 2


def transposed_padding(padding, kernel, stride, split: Split) -> tuple[tuple[int, int, int], ...]:
    """Rows and columns of a transposed convolution as (padding, output_padding, crop).

    `padding` is cropped from both ends by torch itself, `output_padding` is kept at the end, and
    `crop` is what is still to be cut from the end afterwards.
    """
    if padding == "valid":
        return tuple((0, max(s - k, 0), 0) for k, s in zip(pair(kernel), pair(stride), strict=True))
    if padding != "same":
        return tuple((p, 0, 0) for p in pair(padding))
    return tuple(
        _transposed_same(k, s, split) for k, s in zip(pair(kernel), pair(stride), strict=True)
    )


def _transposed_same(kernel: int, stride: int, split: Split) -> tuple[int, int, int]:
    total = kernel - stride  # what the full output has beyond stride * size
    if total < 0:
        return 0, -total, 0
    half = -(-total // 2)
    if split == "even" and 2 * half - total < max(stride, 1):
        return half, 2 * half - total, 0
    return total // 2, 0, total - 2 * (total // 2)
