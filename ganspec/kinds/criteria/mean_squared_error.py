"""Mean squared error of images."""

from __future__ import annotations

from typing import ClassVar

import torch.nn.functional as F

from ganspec.kinds.criterion import Criterion


def mean_squared_error(outputs, targets, cfg):
    """Return the mean squared difference of all outputs from their targets."""
    return F.mse_loss(outputs, targets)


class MeanSquaredError(Criterion, kind="mean_squared_error"):
    """Mean squared difference between outputs and images over all pixels."""

    loss: ClassVar = staticmethod(mean_squared_error)
    targets: ClassVar = ("images",)
