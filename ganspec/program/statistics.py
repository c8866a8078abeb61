"""Fix the statistics of batch norms that normalize by the batch in evaluation mode, too.

They do so because they keep no running statistics.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm


def batch_normalizers(network: nn.Module) -> list[_BatchNorm]:
    """Return the batch norms of `network` that normalize by the batch in evaluation mode, too."""
    norms = (part for part in network.modules() if isinstance(part, _BatchNorm))
    return [norm for norm in norms if norm.running_mean is None]


def fix_neutral(network: nn.Module) -> None:
    """Make the `batch_normalizers` use a mean of 0 and a variance of 1 in evaluation mode.

    A single vector can then pass, and no place of a map depends on all others.
    """
    for norm in batch_normalizers(network):
        norm.running_mean = torch.zeros(norm.num_features)
        norm.running_var = torch.ones(norm.num_features)


def fix_statistics(network: nn.Module, *inputs: torch.Tensor) -> None:
    """Make the `batch_normalizers` use the statistics of the batch `inputs` from now on.

    `network` must be in evaluation mode; it is run once.
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
