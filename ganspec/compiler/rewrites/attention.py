"""Self-attention by torch's fused kernel, which computes the matrix of weights block by block.

torch cannot differentiate the kernel twice. If a second derivative is needed, as by a gradient
penalty, the first is computed by the usual formula.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch

from ganspec.kinds.layers.self_attention import SelfAttention
from ganspec.program.ir import Call, Value

TARGETS = (SelfAttention,)
# in one map; measured on a CPU: for 64 pixels, the kernel is slower than the whole matrix
LEAST_PIXELS = 256


def fits(calls: Sequence[Call], x: Value) -> bool:
    """Return True if a map has LEAST_PIXELS or more, so that the kernel is faster."""
    return math.prod(x.size) >= LEAST_PIXELS


def apply(module: SelfAttention, x: torch.Tensor) -> torch.Tensor:
    """Return `module(x)`."""
    if x.device.type != "cpu":
        return module(x)
    # The kernel is fastest on contiguous tensors of n x (height * width) x channels. In half
    # precision its gradient takes three times as long as in single precision.
    parts = (convolve(x) for convolve in (module.query, module.key, module.value))
    rows = (part.flatten(2).transpose(1, 2).contiguous() for part in parts)
    query, key, value = (row.to(torch.promote_types(row.dtype, torch.float32)) for row in rows)
    mixed, _ = _Attention.apply(query, key, value)
    mixed = mixed.transpose(1, 2).unflatten(2, x.shape[2:])
    return x + module.gamma * module.out(mixed)


class _Attention(torch.autograd.Function):
    """Softmax of queries times keys, times values; each is n x (height * width) x channels."""

    @staticmethod
    def forward(
        query: torch.Tensor, key: torch.Tensor, value: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        parts = (part.unsqueeze(1) for part in (query, key, value))
        mixed, sums = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu(*parts, scale=1.0)
        return mixed.squeeze(1), sums

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Any, ...]) -> None:
        ctx.mark_non_differentiable(output[1])
        ctx.save_for_backward(*inputs, *output)

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor, _: None) -> tuple[torch.Tensor, ...]:
        query, key, value, mixed, sums = ctx.saved_tensors
        if torch.is_grad_enabled():  # the gradient will be differentiated
            return _gradients(query, key, value, gradient)
        parts = (part.unsqueeze(1) for part in (gradient, query, key, value, mixed))
        kernel = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu_backward
        gradients = kernel(*parts, sums, 0.0, False, scale=1.0)
        return tuple(part.squeeze(1) for part in gradients)


def _gradients(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, gradient: torch.Tensor
) -> tuple[torch.Tensor, ...]:
    """Return the gradients for query, key and value, given the gradient for attention's result."""
    weights = torch.softmax(query @ key.transpose(1, 2), dim=-1)
    of_weights = gradient @ value.transpose(1, 2)
    mean = (weights * of_weights).sum(-1, keepdim=True)
    of_products = weights * (of_weights - mean)
    of_key = of_products.transpose(1, 2) @ query
    return of_products @ key, of_key, weights.transpose(1, 2) @ gradient
