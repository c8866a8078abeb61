"""Inception score."""

from __future__ import annotations

from typing import ClassVar

import torch
from pydantic import Field

from ganspec.language.types import Count
from ganspec.metrics.activations import Activations
from ganspec.metrics.fidelity import fidelity
from ganspec.metrics.metric import Measured, Metric, MetricError


class InceptionScore(Metric, kind="inception_score"):
    """Inception score (Salimans et al., 2016), by torch-fidelity: mean and deviation over parts.

    With a classifier of one's own, of c classes, it is at most c.
    """

    names: ClassVar = ("inception_score",)
    higher: ClassVar = True
    paired: ClassVar = False

    splits: Count = Field(10, description="parts that the images are dealt into at random")

    def refusal(self, classes: str | None, labels: torch.Tensor | None) -> str | None:
        several = "inception_score needs an extractor that tells one class an image, not several"
        return several if classes == "multi_hot" else None

    def measure(self, made: Activations, real: Activations | None, seed: int) -> list[Measured]:
        if len(made.logits) < self.splits:
            few = f"{len(made.logits):,} images in {self.splits} parts"
            raise MetricError(f"inception_score cannot deal {few}: take more images")
        found = fidelity("metric_isc").isc_featuresdict_to_metric(
            {"logits": made.logits},
            "logits",
            isc_splits=self.splits,
            rng_seed=seed % 2**32,
            verbose=False,
        )
        value, deviation = found["inception_score_mean"], found["inception_score_std"]
        return [Measured("inception_score", value, deviation)]
