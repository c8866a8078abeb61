"""Compute a convolution to a map of few pixels, and its gradients, as matrix products.

torch's kernels for CPUs read all weights again for every few pixels. With few pixels and many
weights, that costs more than the products themselves.

A convolution and its two gradients are each a derivative of another of the three. So the classes
call each other, and gradients can be differentiated again, as gradient penalties need. All maps
are N x channels x height x width here; a weight is channels of `y` x channels of `x` x kernel.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple, TypeAlias

import torch
import torch.nn.functional as F

from ganspec.compiler.rewrites.arguments import arguments
from ganspec.program.ir import Call

# The most pixels and the least weights for products. As measured on a CPU with kernels of 4 x 4 and
# stride 2, torch's kernels are faster at 64 pixels in the smaller map, and at 2**19 weights.
MOST_PIXELS, LEAST_WEIGHTS = 16, 2**20


def is_strided(call: Call) -> bool:
    """Return True if a module has many weights, a stride above 1, and no dilation or groups.

    The stride and the zeros around the map must be the same in height and width.
    """
    conv = arguments(call)
    inputs, outputs = conv["in_channels"], conv["out_channels"]
    assert isinstance(inputs, int) and isinstance(outputs, int)
    return (
        isinstance(conv["stride"], int)
        and conv["stride"] > 1
        and isinstance(conv["padding"], int)
        and (conv["groups"], conv["dilation"], conv["padding_mode"]) == (1, 1, "zeros")
        and inputs * outputs * math.prod(_kernel(conv)) >= LEAST_WEIGHTS
    )


def makes_small_map(call: Call, size: Sequence[int]) -> bool:
    """Return True if a convolution that `is_strided` makes few pixels of a map of `size`."""
    conv = arguments(call)
    stride, padding = conv["stride"], conv["padding"]
    assert isinstance(stride, int) and isinstance(padding, int)
    pairs = zip(size, _kernel(conv), strict=True)
    made = [(pixels + 2 * padding - width) // stride + 1 for pixels, width in pairs]
    return math.prod(made) <= MOST_PIXELS


def _kernel(conv: dict[str, object]) -> tuple[int, ...]:
    """Return the height and the width of a kernel."""
    kernel = conv["kernel_size"]
    if isinstance(kernel, tuple):
        return kernel
    assert isinstance(kernel, int)
    return kernel, kernel


class Geometry(NamedTuple):
    """Sizes of a convolution; `kernel` and `size`, that of the map `x`, are height and width."""

    kernel: Sequence[int]
    stride: int
    padding: int
    size: Sequence[int]


def _patches(x: torch.Tensor, where: Geometry) -> torch.Tensor:
    """Return the patch of `x` under the kernel for each pixel of `y`.

    The result is N x rows of `y` x columns of `y` x (height * width * channels of a patch).
    """
    (height, width), stride, padding, _ = where
    padded = F.pad(x.permute(0, 2, 3, 1), (0, 0, padding, padding, padding, padding))
    windows = padded.unfold(1, height, stride).unfold(2, width, stride)
    return windows.permute(0, 1, 2, 4, 5, 3).flatten(3)


def _matrix(weight: torch.Tensor) -> torch.Tensor:
    """Return a weight as a matrix: a row for each channel of `y`, columns as in `_patches`."""
    return weight.permute(0, 2, 3, 1).flatten(1)


def _rows(y: torch.Tensor) -> torch.Tensor:
    """Return a map as a matrix with a row for each pixel of the batch.

    The matrix has two dimensions, since torch multiplies tensors of more image by image.
    """
    return y.permute(0, 2, 3, 1).flatten(0, 2)


def _as_before(y: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    """Return `y`, of N x height x width x channels, as a map in the memory order of `x`."""
    y = y.permute(0, 3, 1, 2)
    return y.contiguous() if x.is_contiguous() else y


class _Product(torch.autograd.Function):
    """A function of two tensors and a Geometry that remembers them for its gradients."""

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: torch.Tensor) -> None:
        *tensors, ctx.where = inputs
        ctx.save_for_backward(*tensors)


Gradients: TypeAlias = tuple[torch.Tensor | None, torch.Tensor | None, None]


class Convolve(_Product):
    """`y`, the convolution of `x` and `weight`."""

    @staticmethod
    def forward(x: torch.Tensor, weight: torch.Tensor, where: Geometry) -> torch.Tensor:
        return _as_before(F.linear(_patches(x, where), _matrix(weight)), x)

    @staticmethod
    def backward(ctx: Any, y: torch.Tensor) -> Gradients:
        (x, weight), (of_x, of_weight, _) = ctx.saved_tensors, ctx.needs_input_grad
        return (
            Spread.apply(y, weight, ctx.where) if of_x else None,
            Correlate.apply(x, y, ctx.where) if of_weight else None,
            None,
        )


class Spread(_Product):
    """The gradient of `Convolve` for `x`: a transposed convolution of `y`."""

    @staticmethod
    def forward(y: torch.Tensor, weight: torch.Tensor, where: Geometry) -> torch.Tensor:
        (height, width), stride, padding, size = where
        rows, columns = y.shape[2:]
        parts = (_rows(y) @ _matrix(weight)).view(len(y), rows, columns, height, width, -1)
        x = parts.new_zeros(len(y), *(pixels + 2 * padding for pixels in size), parts.shape[-1])
        for i in range(height):
            for j in range(width):
                places = x[:, i : i + stride * rows : stride, j : j + stride * columns : stride]
                places += parts[:, :, :, i, j]
        x = x[:, padding : padding + size[0], padding : padding + size[1]]
        return _as_before(x, y)

    @staticmethod
    def backward(ctx: Any, x: torch.Tensor) -> Gradients:
        (y, weight), (of_y, of_weight, _) = ctx.saved_tensors, ctx.needs_input_grad
        return (
            Convolve.apply(x, weight, ctx.where) if of_y else None,
            Correlate.apply(x, y, ctx.where) if of_weight else None,
            None,
        )


class Correlate(_Product):
    """The gradient of `Convolve` for `weight`."""

    @staticmethod
    def forward(x: torch.Tensor, y: torch.Tensor, where: Geometry) -> torch.Tensor:
        matrix = _rows(y).t() @ _patches(x, where).flatten(0, 2)
        return matrix.unflatten(1, (*where.kernel, -1)).permute(0, 3, 1, 2)

    @staticmethod
    def backward(ctx: Any, weight: torch.Tensor) -> Gradients:
        (x, y), (of_x, of_y, _) = ctx.saved_tensors, ctx.needs_input_grad
        return (
            Spread.apply(y, weight, ctx.where) if of_x else None,
            Convolve.apply(x, weight, ctx.where) if of_y else None,
            None,
        )
