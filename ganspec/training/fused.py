"""Optimizers that read and write each weight once in a step, by torch's fused kernels for CPUs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn, optim

# optimizers with a fused kernel for CPUs, which may round otherwise than the usual step; in older
# versions of torch, AdamW is no subclass of Adam
FUSED = (optim.Adam, optim.AdamW, optim.SGD)
CHANNELS_LAST, CHANNELS_SECOND = (0, 2, 3, 1), (0, 3, 1, 2)  # orders of a kernel's dimensions


def fuse(optimizer: optim.Optimizer) -> None:
    """Let an optimizer on a CPU make its steps by torch's fused kernel, if it has one.

    The option `fused` is set only during a step, so that a saved optimizer has the same settings as
    without fusing.
    """
    # with another default type, fused steps would change the type of the count that is saved
    if isinstance(optimizer, FUSED) and torch.get_default_dtype() == torch.float32:
        step = optimizer.step

        def fused_step(*arguments: Any) -> Any:
            with _fused(optimizer):
                return step(*arguments)

        # no hook after the step, as torch skips such hooks if the step fails
        optimizer.step = fused_step  # type: ignore[assignment, method-assign]


@contextmanager
def _fused(optimizer: optim.Optimizer) -> Iterator[None]:
    """Within the block, set `fused`, and view weights in `channels_last` order as contiguous ones.

    Of a gradient that is not contiguous, torch's kernels make a copy that they never read.
    """
    weights = [
        weight
        for group in optimizer.param_groups
        for weight in group["params"]
        if weight.grad is not None and weight.dim() == 4 and not weight.is_contiguous()
    ]
    for group in optimizer.param_groups:
        group["fused"] = True
    for weight in weights:
        _permute(weight, optimizer, CHANNELS_LAST)
    try:
        yield
    finally:
        for weight in weights:
            _permute(weight, optimizer, CHANNELS_SECOND)
        for group in optimizer.param_groups:
            group["fused"] = None


def _permute(weight: nn.Parameter, optimizer: optim.Optimizer, order: tuple[int, ...]) -> None:
    """Permute the dimensions of a weight, its gradient and its averages. No number is moved."""
    assert weight.grad is not None
    gradient = weight.grad.permute(order)
    weight.data = weight.data.permute(order)
    weight.grad = gradient
    kept = optimizer.state.get(weight, {})
    for name, value in kept.items():
        if isinstance(value, torch.Tensor) and value.dim() == weight.dim():
            kept[name] = value.permute(order)
