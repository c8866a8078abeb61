"""Scores of a subject, each with everything that it depends on."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch

from ganspec.evaluation.extractor import Extractor
from ganspec.evaluation.reference import RealImages, reference_activations
from ganspec.evaluation.subject import Subject
from ganspec.kinds.activations import Activations
from ganspec.kinds.metric import Measured, Metric, MetricError
from ganspec.language.kinds import kinds_of

Tell = Callable[[str, int, int], None]  # what is being done, how many images are done, of how many


def silent(what: str, done: int, total: int) -> None:
    """Tell nobody."""


@dataclass
class Bench:
    """An extractor, metrics, and the real images that they hold others against.

    The real images go through the extractor once, when they are first needed.
    """

    extractor: Extractor
    metrics: tuple[Metric, ...]
    real: RealImages | None
    tell: Tell = silent
    _reference: Activations | None = None

    def reference(self) -> Activations:
        """What the extractor makes of the real images."""
        if self._reference is None:
            total = len(self.real)
            self._reference = reference_activations(
                self.real, self.extractor, lambda done: self.tell("real images", done, total)
            )
        return self._reference

    def scores(self, subject: Subject, epoch: float | None = None) -> list[dict[str, object]]:
        """The subject's scores by all metrics that can be taken of it, as `scores.jsonl` has them.

        Raises MetricError.
        """
        metrics = self.checked(subject)
        made = self.extractor.activations(
            subject.batches(self.extractor.batch),
            subject.count,
            tell=lambda done: self.tell(f"{subject.of} images", done, subject.count),
        )
        if not torch.isfinite(made.features).all():
            raise MetricError(f"features of {self.extractor.name} are not finite numbers")
        made = made.asked(subject.labels, subject.names)
        rows = []
        for metric in metrics:
            real = self.reference() if metric.paired else None
            size = made.size if metric.reads_features else None
            conditions = self.conditions(subject, epoch, size)
            for found in metric.measure(made, real, subject.seed or 0):
                rows.append(
                    row_of(found, {**conditions, "reference": self.held(subject, metric, found)})
                )
        return rows

    def checked(self, subject: Subject) -> list[Metric]:
        """The metrics that can be taken of the subject, of which no image is read.

        Real images have scores only by metrics that need no others. Raises MetricError.
        """
        metrics = [m for m in self.metrics if subject.of == "generated" or not m.paired]
        if not metrics:
            names = " and ".join(metric.kind for metric in self.metrics)
            alone = " or ".join(k for k, kind in kinds_of("metric").items() if not kind.paired)
            raise MetricError(f"real images alone have no {names}: take {alone}")
        for metric in metrics:
            if reason := metric.refusal(self.extractor.classes, subject.labels):
                raise MetricError(reason)
            metric.demand(subject.count, *([len(self.real)] if metric.paired else []))
        return metrics

    def conditions(
        self, subject: Subject, epoch: float | None, features: int | None
    ) -> dict[str, object]:
        """What a score depends on besides the real images; without features, on outputs alone."""
        return {
            "of": subject.of,
            "step": subject.step,
            "epoch": epoch,
            "weights": subject.weights,
            "images": subject.count,
            "extractor": {
                "name": self.extractor.name,
                "sha256": self.extractor.sha256,
                "layer": None if features is None else self.extractor.layer,
                "features": features,
            },
            "resize": self.extractor.resize,
            "seed": subject.seed,
            "labels": subject.asked,
        }

    def held(self, subject: Subject, metric: Metric, found: Measured) -> dict[str, object] | None:
        """The real images that a score rests on: those compared with, or the subject itself."""
        real = self.real if metric.paired else subject.real
        if real is None:
            return None
        return {
            "dataset": real.dataset,
            "split": real.split,
            "images": len(real) if found.references is None else found.references,
            "sha256": real.sha256,
        }


def row_of(found: Measured, conditions: dict[str, object]) -> dict[str, object]:
    """A line of `scores.jsonl`; raises MetricError where the number is none."""
    if not math.isfinite(found.value):
        raise MetricError(f"{found.metric} became {found.value}: the features are too large")
    row = {"metric": found.metric, "value": found.value, "deviation": found.deviation}
    row |= {**conditions, "note": found.note}
    return row | ({"per_class": found.per_class} if found.per_class else {})
