"""Scores of images, each with everything that it depends on."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

import torch

from ganspec.evaluation.extractor import Extractor
from ganspec.evaluation.reference import RealImages, reference_activations
from ganspec.evaluation.subject import Subject
from ganspec.kinds.activations import Activations
from ganspec.kinds.metric import Metric, MetricError, MetricValue, metric_kinds
from ganspec.runs.score_file import ReferenceEntry, ScoreRow

PassProgress: TypeAlias = Callable[[str, int, int], None]  # title, images done, images in all


def silent(title: str, done: int, total: int) -> None:
    """Show nothing."""


@dataclass
class Scorer:
    """An extractor, metrics, and the real images to compare others with.

    The real images go through the extractor once, when they are first needed.
    """

    extractor: Extractor
    metrics: tuple[Metric, ...]
    real: RealImages | None
    on_progress: PassProgress = silent
    _reference: Activations | None = None

    def reference(self) -> Activations:
        """Return the activations of the real images."""
        real = self._real_images()
        if self._reference is None:
            self._reference = reference_activations(
                real, self.extractor, partial(self._progress, "real images", len(real))
            )
        return self._reference

    def _real_images(self) -> RealImages:
        assert self.real is not None  # those who set paired metrics set real images, too
        return self.real

    def _progress(self, title: str, total: int, done: int) -> None:
        self.on_progress(title, done, total)

    def scores(self, subject: Subject, epoch: float | None = None) -> list[ScoreRow]:
        """Return the subject's scores by all metrics that apply to it. Raises MetricError."""
        metrics = self.metrics_for(subject)
        activations = self.extractor.activations(
            subject.batches(self.extractor.batch),
            subject.count,
            on_progress=partial(self._progress, f"{subject.of} images", subject.count),
        )
        if not torch.isfinite(activations.features).all():
            raise MetricError(f"features of {self.extractor.name} are not finite numbers")
        activations = activations.with_labels(subject.labels, subject.names)
        rows = []
        for metric in metrics:
            real = self.reference() if metric.paired else None
            features = activations.size if metric.reads_features else None
            for measured in metric.measure(activations, real, subject.seed or 0):
                real_images = self.real if metric.paired else subject.real
                rows.append(self._row(measured, subject, epoch, features, real_images))
        return rows

    def metrics_for(self, subject: Subject) -> list[Metric]:
        """Return the metrics that apply to the subject, without reading an image of it.

        Only unpaired ones apply to real images. Raises MetricError.
        """
        metrics = [m for m in self.metrics if subject.of == "generated" or not m.paired]
        if not metrics:
            names = " and ".join(metric.kind for metric in self.metrics)
            unpaired = " or ".join(name for name, m in metric_kinds().items() if not m.paired)
            raise MetricError(f"real images alone have no {names}: take {unpaired}")
        for metric in metrics:
            if reason := metric.refusal(self.extractor.classes, subject.labels):
                raise MetricError(reason)
            sides = [len(self._real_images())] if metric.paired else []
            metric.demand(subject.count, *sides)
        return metrics

    def _row(
        self,
        measured: MetricValue,
        subject: Subject,
        epoch: float | None,
        features: int | None,
        real: RealImages | None,
    ) -> ScoreRow:
        """Return a line of `scores.jsonl`. Raises MetricError if the score is not finite."""
        if not math.isfinite(measured.value):
            raise MetricError(
                f"{measured.metric} became {measured.value}: the features are too large"
            )
        row: ScoreRow = {
            "metric": measured.metric,
            "value": measured.value,
            "deviation": measured.deviation,
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
            "labels": subject.label_source,
            "reference": None if real is None else _reference_entry(real, measured.references),
            "note": measured.note,
        }
        if measured.per_class:
            row["per_class"] = measured.per_class
        return row


def _reference_entry(real: RealImages, count: int | None) -> ReferenceEntry:
    return {
        "dataset": real.dataset,
        "split": real.split,
        "images": len(real) if count is None else count,
        "sha256": real.sha256,
    }
