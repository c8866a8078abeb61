"""Optimizers that read and write each weight once in a step."""

from __future__ import annotations

import torch
from torch import optim

# those with a kernel for CPUs that computes an update at once; rounding may differ
FUSED = (optim.Adam, optim.SGD)


def fuse(optimizer: optim.Optimizer) -> None:
    """Let an optimizer on a CPU make its steps by torch's fused kernel, if there is one.

    Its saved state stays the same.
    """
    # in other precisions, torch counts steps in another type if it is fused
    if isinstance(optimizer, FUSED) and torch.get_default_dtype() == torch.float32:
        optimizer.register_step_pre_hook(_set)
        optimizer.register_step_post_hook(_unset)


def _set(optimizer: optim.Optimizer, *_: object) -> None:
    for group in optimizer.param_groups:
        group["fused"] = True


def _unset(optimizer: optim.Optimizer, *_: object) -> None:
    for group in optimizer.param_groups:
        group["fused"] = None
