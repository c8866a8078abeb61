"""Batch norms that keep no running statistics, and so normalize by the batch in evaluation too."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm


def batch_normalizers(network: nn.Module) -> list[_BatchNorm]:
    """Return the modules of `network` that normalize by the batch in evaluation mode."""
    norms = (part for part in network.modules() if isinstance(part, _BatchNorm))
    return [norm for norm in norms if norm.running_mean is None]


def fix_neutral(network: nn.Module) -> None:
    """Let every batch norm normalize by a mean of 0 and a variance of 1 in evaluation mode.

    A single vector can then pass, and no place of a map depends on all others.
    """
    for norm in batch_normalizers(network):
        norm.running_mean = torch.zeros(norm.num_features)
        norm.running_var = torch.ones(norm.num_features)


def fix_statistics(network: nn.Module, *inputs: torch.Tensor) -> None:
    """Let every batch norm normalize by its statistics of the batch `inputs` from now on.

    `network` is in evaluation mode.
    """

    def keep(norm: nn.Module, given: tuple[torch.Tensor, ...]) -> None:
        others = [axis for axis in range(given[0].dim()) if axis != 1]
        norm.running_mean = given[0].mean(others)
        norm.running_var = given[0].var(others, correction=0)

    hooks = [norm.register_forward_pre_hook(keep) for norm in batch_normalizers(network)]
    with torch.no_grad():
        network(*inputs)
    for hook in hooks:
        hook.remove()
