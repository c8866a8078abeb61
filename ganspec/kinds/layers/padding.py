"""How `padding: same` is spread, by framework."""

from __future__ import annotations

from typing import Literal

from ganspec.language.types import pair

Split = Literal["even", "end"]
"""`even` rounds an odd total up on both sides where the output's size allows it (PyTorch's
habit); `end` puts the odd row or column last (Keras and TensorFlow)."""

KERAS_SPLIT = {"keras": {"split": "end"}, "tensorflow": {"split": "end"}}

Sides = tuple[int, int]


def one(rows: object, columns: object) -> object:
    """A setting of rows and columns as torch takes it: one number where both are the same."""
    return rows if rows == columns else (rows, columns)


def square(value: int | tuple[int, int]) -> int | tuple[int, int]:
    """A pair as one number where both are the same."""
    return one(*pair(value))


def is_even(sides: Sides) -> bool:
    """Whether as much stands before as after, which is all that torch's own padding can say."""
    return sides[0] == sides[1]


def placed(stride: object, padding: object, **more: object) -> tuple[tuple, dict]:
    """Positional and named arguments for these: in their places where neither is the default.

    So people write `nn.Conv2d(3, 64, 4, 2, 1)`, and `nn.Conv2d(3, 64, 3, padding=1)`.
    """
    if stride == 1 or padding == 0:
        return (), {"stride": stride, "padding": padding, **more}
    return (stride, padding, *filter(None, more.values())), {}


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


def transposed_padding(
    padding, kernel, stride, output_padding: int, split: Split
) -> tuple[tuple[int, int, int], ...]:
    """Rows and columns of a transposed convolution as (padding, output_padding, crop).

    `padding` is cropped from both ends by torch itself, `output_padding` is kept at the end, and
    `crop` is what is still to be cut from the end afterwards.
    """
    if padding not in ("same", "valid"):
        return tuple((p, output_padding, 0) for p in pair(padding))
    sides = zip(pair(kernel), pair(stride), strict=True)
    if padding == "valid":
        # what a stride longer than the kernel leaves at the end, Keras keeps and torch does not
        return tuple((0, max(s - k, 0) if split == "end" else 0, 0) for k, s in sides)
    return tuple(_transposed_same(k, s, split) for k, s in sides)


def _transposed_same(kernel: int, stride: int, split: Split) -> tuple[int, int, int]:
    total = kernel - stride  # what the full output has beyond stride * size
    if total < 0:
        return 0, -total, 0
    half = -(-total // 2)
    if split == "even" and 2 * half - total < stride:
        return half, 2 * half - total, 0
    return total // 2, 0, total % 2
