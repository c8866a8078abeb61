"""Cross-entropy of one class out of several."""

from __future__ import annotations

from typing import ClassVar, Literal

import torch.nn.functional as F
from pydantic import Field

from ganspec.kinds.criterion import Criterion
from ganspec.language.types import Fraction


def cross_entropy(outputs, targets, cfg):
    """Return the mean cross-entropy of outputs, N x classes, with classes, N."""
    if cfg.reads == "probabilities":
        outputs = outputs.clamp(min=1e-7).log()
    if cfg.label_smoothing:
        return F.cross_entropy(outputs, targets, label_smoothing=cfg.label_smoothing)
    else:
        return F.cross_entropy(outputs, targets)


class CrossEntropy(Criterion, kind="cross_entropy"):
    """Mean of minus the log-probability of the right class.

    Probabilities below 1e-7 count as 1e-7, as in Keras.
    """

    loss: ClassVar = staticmethod(cross_entropy)
    targets: ClassVar = ("classes",)
    activation: ClassVar = "softmax"

    reads: Literal["logits", "probabilities"] = Field(
        "logits", description="form of the network's outputs: `probabilities` after a softmax"
    )
    label_smoothing: Fraction = Field(
        0.0,
        description="share of each target to spread evenly over all classes "
        "(Szegedy et al., 2016, section 7)",
    )
