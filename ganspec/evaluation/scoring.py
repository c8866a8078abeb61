"""Scores of a subject, each with everything that it depends on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch

from ganspec.evaluation.extractor import Extractor
from ganspec.evaluation.reference import RealImages, reference_activations
from ganspec.evaluation.subject import Subject
from ganspec.metrics.activations import Activations
from ganspec.metrics.metric import Metric, MetricError

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

        Real images have scores only by metrics that need no others. Raises MetricError.
        """
        metrics = [m for m in self.metrics if subject.of == "generated" or not m.paired]
        for metric in metrics:
            if reason := metric.refusal(self.extractor.classes, subject.labels):
                raise MetricError(reason)
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
            for found in metric.measure(made, real, subject.seed or 0):
                row = {
                    "metric": found.metric,
                    "value": found.value,
                    "deviation": found.deviation,
                    **self.conditions(subject, epoch, made.size),
                    "reference": self.described(found.references) if metric.paired else None,
                    "note": found.note,
                }
                rows.append(row | ({"per_class": found.per_class} if found.per_class else {}))
        return rows

    def conditions(self, subject: Subject, epoch: float | None, features: int) -> dict[str, object]:
        """What a score depends on besides the real images."""
        return {
            "of": subject.of,
            "step": subject.step,
            "epoch": epoch,
            "weights": subject.weights,
            "images": subject.count,
            "extractor": {
                "name": self.extractor.name,
                "sha256": self.extractor.sha256,
                "layer": self.extractor.layer,
                "features": features,
            },
            "resize": self.extractor.resize,
            "seed": subject.seed,
            "labels": subject.asked,
        }

    def described(self, rows: int | None) -> dict[str, object]:
        """The real images in words; `rows` of them were looked at, None standing for all."""
        return {
            "dataset": self.real.dataset,
            "split": self.real.split,
            "images": len(self.real) if rows is None else rows,
            "sha256": self.real.sha256,
        }
