"""Optimizers that read and write each weight once in a step, by torch's fused kernels for CPUs."""

from __future__ import annotations

import torch
from torch import optim

# optimizers with a fused kernel for CPUs, whose rounding may differ
FUSED = (optim.Adam, optim.SGD)


def fuse(optimizer: optim.Optimizer) -> None:
    """Let an optimizer on a CPU make its steps by torch's fused kernel, if it has one.

    Its saved state stays the same, since the setting is made for the time of a step.
    """
    # with another default type, a fused optimizer keeps its number of steps in another type
    if isinstance(optimizer, FUSED) and torch.get_default_dtype() == torch.float32:
        optimizer.register_step_pre_hook(_switch_on)
        optimizer.register_step_post_hook(_switch_off)


def _switch_on(optimizer: optim.Optimizer, *_: object) -> None:
    for group in optimizer.param_groups:
        group["fused"] = True


def _switch_off(optimizer: optim.Optimizer, *_: object) -> None:
    for group in optimizer.param_groups:
        group["fused"] = None
