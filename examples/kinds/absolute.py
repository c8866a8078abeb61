from typing import ClassVar

import torch.nn.functional as F

from ganspec.extend import Criterion


def mean_absolute_error(outputs, targets, cfg):
    """Return the mean distance of the outputs from their targets."""
    return F.l1_loss(outputs, targets)


class MeanAbsoluteError(Criterion, kind="mean_absolute_error"):
    """Mean distance of each pixel from the image's."""

    loss: ClassVar = staticmethod(mean_absolute_error)
    targets: ClassVar = ("images",)
