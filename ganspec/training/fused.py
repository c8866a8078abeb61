"""Optimizers that read and write each weight once in a step, by torch's fused kernels for CPUs."""

from __future__ import annotations

from functools import partial

import torch
from torch import optim

# optimizers with a fused kernel for CPUs, whose rounding may differ from the usual step's; in older
# versions of torch, AdamW is no subclass of Adam
FUSED = (optim.Adam, optim.AdamW, optim.SGD)


def fuse(optimizer: optim.Optimizer) -> None:
    """Let an optimizer on a CPU make its steps by torch's fused kernel, if it has one.

    The option `fused` is set only during a step, so that a saved optimizer has the same settings as
    without fusing.
    """
    # with another default type, fused steps would change the type of the count that is saved
    if isinstance(optimizer, FUSED) and torch.get_default_dtype() == torch.float32:
        optimizer.register_step_pre_hook(partial(_switch, True))
        optimizer.register_step_post_hook(partial(_switch, None))


def _switch(is_fused: bool | None, optimizer: optim.Optimizer, *_: object) -> None:
    for group in optimizer.param_groups:
        group["fused"] = is_fused
