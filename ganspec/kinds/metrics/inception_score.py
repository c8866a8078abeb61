"""Inception score, by torch-fidelity."""

from __future__ import annotations

from typing import ClassVar

import torch
from pydantic import Field

from ganspec.kinds.activations import Activations
from ganspec.kinds.metric import Metric, MetricValue
from ganspec.kinds.metrics.fidelity import import_fidelity
from ganspec.language.types import Count


class InceptionScore(Metric, kind="inception_score"):
    """Inception score (Salimans et al., 2016), by torch-fidelity: mean and deviation over parts.

    With a classifier of c classes as the extractor, the score is at most c.
    """

    names: ClassVar = ("inception_score",)
    higher: ClassVar = True
    paired: ClassVar = False
    reads_features: ClassVar = False

    splits: Count = Field(10, description="number of random parts of the images")

    @property
    def least(self) -> int:
        return self.splits

    def refusal(self, classes: str | None, labels: torch.Tensor | None) -> str | None:
        several = (
            "inception_score needs an extractor that predicts one class per image: choose another"
        )
        return several if classes == "multi_hot" else None

    def measure(self, fake: Activations, real: Activations | None, seed: int) -> list[MetricValue]:
        self.demand(len(fake.logits))
        scores = import_fidelity("metric_isc").isc_featuresdict_to_metric(
            {"logits": fake.logits},
            "logits",
            isc_splits=self.splits,
            rng_seed=seed % 2**32,
            verbose=False,
        )
        value, deviation = scores["inception_score_mean"], scores["inception_score_std"]
        return [MetricValue("inception_score", value, deviation)]
