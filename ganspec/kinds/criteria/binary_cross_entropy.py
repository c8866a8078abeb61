"""Binary cross-entropy of many numbers in 0 to 1."""

from __future__ import annotations

from typing import ClassVar, Literal

import torch.nn.functional as F
from pydantic import Field

from ganspec.kinds.criterion import Criterion


def binary_cross_entropy(outputs, targets, cfg):
    """Return the mean binary cross-entropy of all outputs with their targets, 0 to 1."""
    if cfg.reads == "logits":
        return F.binary_cross_entropy_with_logits(outputs, targets)
    else:
        return F.binary_cross_entropy(outputs, targets)


class BinaryCrossEntropy(Criterion, kind="binary_cross_entropy"):
    """Each label, or each pixel of an image in 0 to 1, as a probability of its own.

    The mean is over all of them. A pixel between 0 and 1 leaves a loss even where it is met.
    """

    loss: ClassVar = staticmethod(binary_cross_entropy)
    targets: ClassVar = ("multi_hot", "images")
    activation: ClassVar = "sigmoid"

    reads: Literal["logits", "probabilities"] = Field(
        "logits", description="what the network makes: `probabilities` after a sigmoid"
    )
