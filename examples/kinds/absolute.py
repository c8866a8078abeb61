from typing import ClassVar

import torch.nn.functional as F

from ganspec.extend import Criterion


def mean_absolute_error(outputs, targets, cfg):
    """Return the mean absolute difference of outputs and targets."""
    return F.l1_loss(outputs, targets)


class MeanAbsoluteError(Criterion, kind="mean_absolute_error"):
    """Mean absolute difference between outputs and images over all pixels."""

    loss: ClassVar = staticmethod(mean_absolute_error)
    targets: ClassVar = ("images",)
