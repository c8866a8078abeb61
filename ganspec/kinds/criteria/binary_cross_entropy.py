"""Binary cross-entropy of multi-hot labels or of pixels."""

from __future__ import annotations

from typing import ClassVar, Literal

import torch.nn.functional as F
from pydantic import Field

from ganspec.kinds.criterion import Criterion


def binary_cross_entropy(outputs, targets, cfg):
    """Return the mean binary cross-entropy of outputs with targets from 0 to 1."""
    if cfg.reads == "logits":
        return F.binary_cross_entropy_with_logits(outputs, targets)
    else:
        return F.binary_cross_entropy(outputs, targets)


class BinaryCrossEntropy(Criterion, kind="binary_cross_entropy"):
    """Mean binary cross-entropy over all labels, or over all pixels, which count as probabilities.

    For a pixel between 0 and 1, the loss is above 0 even if the output equals the pixel.
    """

    loss: ClassVar = staticmethod(binary_cross_entropy)
    targets: ClassVar = ("multi_hot", "images")
    activation: ClassVar = "sigmoid"

    reads: Literal["logits", "probabilities"] = Field(
        "logits", description="form of the network's outputs: `probabilities` after a sigmoid"
    )
