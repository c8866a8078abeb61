"""Compute a transposed convolution to few channels as a matrix product and a sum of patches.

torch's own kernels for CPUs compute 16 output channels at a time, even if there are fewer.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F

from ganspec.compiler.rewrites.operands import in_autocast, transposed_size, with_bias

# Patches are summed for at most 4 output and at least 64 input channels. As measured on a CPU,
# torch's kernel is as fast as the sum with 8 output channels, or with 16 input channels.
MOST_OUT, LEAST_IN = 4, 64


def makes_few(inputs: object, outputs: object) -> bool:
    """Return True if a sum of patches is faster for these numbers of channels, on a CPU."""
    assert isinstance(inputs, int) and isinstance(outputs, int)
    return inputs >= LEAST_IN and outputs <= MOST_OUT


def conv_transpose(
    x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None, stride: int, padding: int
) -> torch.Tensor:
    """Return `F.conv_transpose2d` of the arguments, as a sum of patches if that is faster."""
    if x.device.type != "cpu" or not makes_few(*weight.shape[:2]):
        return F.conv_transpose2d(x, weight, bias, stride, padding)
    x, weight = in_autocast(x, weight)
    return with_bias(_Patches.apply(x, weight, stride, padding), bias)


class _Patches(torch.autograd.Function):
    """A transposed convolution as a matrix product whose patches are summed.

    The gradients are those of torch's own convolution.
    """

    @staticmethod
    def forward(x: torch.Tensor, weight: torch.Tensor, stride: int, padding: int) -> torch.Tensor:
        kernel = weight.shape[2:]
        # `bmm`, since `@` copies the data into another order where gradients are recorded
        patches = weight.flatten(1).t().expand(len(x), -1, -1).bmm(x.flatten(2))
        size = transposed_size(x.shape[2:], kernel, stride, padding)
        return F.fold(patches, size, kernel, padding=padding, stride=stride)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: torch.Tensor) -> None:
        x, weight, *ctx.steps = inputs
        ctx.save_for_backward(x, weight)

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        stride, padding = ctx.steps
        mask = [*ctx.needs_input_grad[:2], False]
        places = [stride] * 2, [padding] * 2, [1, 1], True, [0, 0], 1, mask
        x, weight = ctx.saved_tensors
        grads = torch.ops.aten.convolution_backward(gradient, x, weight, None, *places)
        return (*grads[:2], None, None)
