"""An instance norm is a group norm with one channel in each group.

torch computes an instance norm as a batch norm of one image whose channels are the channels of all
images. For that it copies gains and biases for each image, which torch's group norm does not.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import nn

from ganspec.compiler.rewrites.arguments import arguments
from ganspec.program.ir import Call, Value

TARGETS = (nn.InstanceNorm2d,)


def fits(calls: Sequence[Call], x: Value) -> bool:
    """Return True unless the norm keeps running statistics."""
    return not arguments(calls[0])["track_running_stats"]


def apply(module: nn.InstanceNorm2d, x: torch.Tensor) -> torch.Tensor:
    """Return `module(x)`."""
    if x.device.type != "cpu":
        return module(x)
    # made contiguous: on channels_last, a group norm of single channels takes three times as long
    y = F.group_norm(x.contiguous(), x.shape[1], module.weight, module.bias, module.eps)
    if x.is_contiguous():
        return y
    return y.contiguous(memory_format=torch.channels_last)
