"""The states of optimizers, in the form for checkpoints and in the form that a GPU needs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import torch
from torch import optim

from ganspec.systems.checkpoint import State

# torch's name for the setting of an optimizer that counts its steps on the device
ON_DEVICE = "capturable"


def plain_state(optimizer: optim.Optimizer) -> State:
    """Return an optimizer's state for a checkpoint, in which ON_DEVICE is always False."""
    state = optimizer.state_dict()
    groups = [
        {**group, ON_DEVICE: False} if ON_DEVICE in group else group
        for group in state["param_groups"]
    ]
    return {**state, "param_groups": groups}


@contextmanager
def plain_groups(optimizers: Iterable[optim.Optimizer]) -> Iterator[None]:
    """Set ON_DEVICE to False in optimizers within the block. Restore its value after the block."""
    groups = [g for each in optimizers for g in each.param_groups if ON_DEVICE in g]
    before = [group[ON_DEVICE] for group in groups]
    for group in groups:
        group[ON_DEVICE] = False
    try:
        yield
    finally:
        for group, value in zip(groups, before, strict=True):
            group[ON_DEVICE] = value


def prepare(optimizer: optim.Optimizer, device: torch.device | None) -> None:
    """Let an optimizer count its steps on `device`, and give its averages the weights' layout.

    The numbers of an average, such as a momentum, then lie in memory in the order of its weight's.
    If `device` is None, steps are counted where torch does so by default.
    """
    for group in optimizer.param_groups:
        if ON_DEVICE in group:
            group[ON_DEVICE] = device is not None
        for weight in group["params"]:
            kept = optimizer.state.get(weight, {})
            for name, value in kept.items():
                if not isinstance(value, torch.Tensor):
                    continue
                if value.shape == weight.shape and value.stride() != weight.stride():
                    kept[name] = torch.empty_like(weight, dtype=value.dtype).copy_(value)
                elif name == "step" and device is not None:
                    kept[name] = value.to(device)
