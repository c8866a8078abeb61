"""Code before and after a convolution that a rewrite computes as a matrix product."""

from __future__ import annotations

from collections.abc import Sequence

import torch


def in_autocast(*tensors: torch.Tensor) -> Sequence[torch.Tensor]:
    """Return the tensors in half precision if a CPU's autocast is on, otherwise as they are."""
    if not torch.is_autocast_enabled("cpu"):
        return tensors
    return [tensor.to(torch.get_autocast_dtype("cpu")) for tensor in tensors]


def with_bias(y: torch.Tensor, bias: torch.Tensor | None) -> torch.Tensor:
    """Return a map of N x channels x height x width with `bias`, if any, added to its channels."""
    return y if bias is None else y + bias.to(y.dtype)[:, None, None]


def transposed_size(
    size: Sequence[int], kernel: Sequence[int], stride: int, padding: int
) -> tuple[int, ...]:
    """Return the height and width of a transposed convolution's result for a map of `size`."""
    pairs = zip(size, kernel, strict=True)
    return tuple((pixels - 1) * stride + width - 2 * padding for pixels, width in pairs)
