"""Give fixed statistics to batch norms that have no running statistics.

Such batch norms otherwise normalize by the batch even in evaluation mode.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm


def batch_normalizers(network: nn.Module) -> list[_BatchNorm]:
    """Return the batch norms of `network` that have no running statistics."""
    norms = (part for part in network.modules() if isinstance(part, _BatchNorm))
    return [norm for norm in norms if norm.running_mean is None]


def fix_neutral(network: nn.Module) -> None:
    """Give the `batch_normalizers` a mean of 0 and a variance of 1, for evaluation mode.

    They then accept a batch of one vector, and no position of a map depends on the others.
    """
    for norm in batch_normalizers(network):
        norm.running_mean = torch.zeros(norm.num_features)
        norm.running_var = torch.ones(norm.num_features)


def fix_statistics(network: nn.Module, *inputs: torch.Tensor) -> None:
    """Give each of the `batch_normalizers` the mean and variance of what it reads for `inputs`.

    `inputs` are those of `network` for one batch. It is applied to them once, and must be in
    evaluation mode.
    """

    def keep(norm: nn.Module, inputs: tuple[torch.Tensor, ...]) -> None:
        (x,) = inputs
        others = [axis for axis in range(x.dim()) if axis != 1]
        norm.running_mean = x.mean(others)
        norm.running_var = x.var(others, correction=0)

    hooks = [norm.register_forward_pre_hook(keep) for norm in batch_normalizers(network)]
    with torch.no_grad():
        network(*inputs)
    for hook in hooks:
        hook.remove()
