"""Rows and columns that `padding` adds or crops, as in torch or in Keras."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

from ganspec.language.types import Padding, Pair, pair

Split = Literal["even", "end"]
"""Rule for the two sides of `same` padding if their total is odd. `even` rounds the total up to
equal sides, as PyTorch users do, unless that changes the size of the output. Then, and with `end`,
the bottom or right gets one row or column more, as in Keras and TensorFlow."""

KERAS_SPLIT: dict[str, dict[str, object]] = {
    "keras": {"split": "end"},
    "tensorflow": {"split": "end"},
}

Sides: TypeAlias = tuple[int, int]  # of one axis: (top, bottom) or (left, right)


def shorten(value: Pair) -> Pair:
    """Return a single number for a pair of equal numbers, else the pair."""
    rows, columns = pair(value)
    return rows if rows == columns else (rows, columns)


def is_symmetric(sides: Sides) -> bool:
    """Return True if both sides are equal, as the padding of torch's layers must be."""
    return sides[0] == sides[1]


def stride_arguments(
    stride: Pair, padding: Pair, output_padding: Pair | None = None
) -> tuple[tuple[Pair, ...], dict[str, Any]]:
    """Return positional and named arguments of a torch layer that set stride and paddings.

    All are named if the stride is 1 or the padding 0, else positional, as programmers write
    `nn.Conv2d(3, 64, 3, padding=1)` but `nn.Conv2d(3, 64, 4, 2, 1)`. `output_padding` is None for a
    layer without that argument.
    """
    stride, padding = shorten(stride), shorten(padding)
    output_padding = None if output_padding is None else shorten(output_padding)
    if stride == 1 or padding == 0:
        more = {} if output_padding is None else {"output_padding": output_padding}
        return (), {"stride": stride, "padding": padding, **more}
    return (stride, padding, output_padding) if output_padding else (stride, padding), {}


def conv_padding(
    padding: Padding, size: Pair, split: Split, *, kernel: Pair, stride: Pair, dilation: Pair = 1
) -> tuple[Sides, Sides]:
    """Return the rows (top, bottom) and columns (left, right) to add to a map of `size`."""
    if padding == "valid":
        return (0, 0), (0, 0)
    if padding != "same":
        rows, columns = pair(padding)
        return (rows, rows), (columns, columns)
    axes = zip(pair(kernel), pair(stride), pair(dilation), pair(size), strict=True)
    top_bottom, left_right = (_same(k, s, d, n, split) for k, s, d, n in axes)
    return top_bottom, left_right


def _same(kernel: int, stride: int, dilation: int, size: int, split: Split) -> Sides:
    """Return the two sides of `same` padding on one axis of `size` pixels."""
    span, outputs = (kernel - 1) * dilation + 1, -(-size // stride)
    total = max((outputs - 1) * stride + span - size, 0)
    half = -(-total // 2)
    if split == "even" and (size + 2 * half - span) // stride + 1 == outputs:
        return half, half
    return total // 2, total - total // 2


def transposed_padding(
    padding: Padding, split: Split, *, kernel: Pair, stride: Pair, output_padding: int = 0
) -> tuple[tuple[int, int], tuple[int, int], tuple[int, int]]:
    """Return three pairs (rows, columns) for a transposed convolution.

    The first is torch's `padding`, which crops both sides of the output. The second is torch's
    `output_padding`, which extends the output at the bottom and right. The third is how much a
    further step must crop there.
    """
    axes = zip(pair(kernel), pair(stride), strict=True)
    if padding == "same":
        rows, columns = (_transposed_same(k, s, split) for k, s in axes)
    elif padding == "valid":
        # if the stride is longer than the kernel, Keras's output has stride - kernel rows or
        # columns more than torch's
        rows, columns = ((0, max(s - k, 0) if split == "end" else 0, 0) for k, s in axes)
    else:
        rows, columns = ((p, output_padding, 0) for p in pair(padding))
    return (rows[0], columns[0]), (rows[1], columns[1]), (rows[2], columns[2])


def _transposed_same(kernel: int, stride: int, split: Split) -> tuple[int, int, int]:
    """Return padding, output padding and crop at the end for `same` padding on one axis."""
    total = kernel - stride  # rows or columns of the full output beyond stride * size
    if total < 0:
        return 0, -total, 0
    half = -(-total // 2)
    if split == "even" and 2 * half - total < stride:
        return half, 2 * half - total, 0
    return total // 2, 0, total % 2
