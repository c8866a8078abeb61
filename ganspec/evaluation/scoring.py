"""Scores of images, each with all the conditions that its value depends on."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TypeAlias

import torch

from ganspec.evaluation.extractor import CountProgress, Extractor
from ganspec.evaluation.inception_weights import advice
from ganspec.evaluation.reference import RealImages, reference_activations
from ganspec.evaluation.subject import Subject
from ganspec.kinds.activations import Activations
from ganspec.kinds.metric import Metric, MetricError, MetricValue, metric_kinds
from ganspec.kinds.returned import checked_values
from ganspec.runs.score_file import ScoredAgainst, ScoredBy, ScoreRow

PassProgress: TypeAlias = Callable[[str, int, int], None]  # title, images done, number of images


def silent(title: str, done: int, total: int) -> None:
    """Show no progress."""


def refusal(metric: Metric, extractor: Extractor, labels: torch.Tensor | None) -> str | None:
    """Return the reason why a metric does not apply to images with `labels`; None if it applies.

    The reason may also be that the extractor has no logits.
    """
    if reason := metric.refusal(extractor.classes, labels):
        return reason
    if metric.reads_features or extractor.has_logits:
        return None
    return (
        f"{metric.kind} reads logits, and the weights of {extractor.origin} have none: {advice()}"
    )


@dataclass
class Scorer:
    """An extractor, and in `real` the references: real images that other images are compared with.

    The references go through the extractor at most once, when they are first needed.
    """

    extractor: Extractor
    real: RealImages
    on_progress: PassProgress = silent

    @cached_property
    def reference(self) -> Activations:
        """The activations of the references."""
        on_progress = self._pass("real images", len(self.real))
        return reference_activations(self.real, self.extractor, on_progress)

    def _pass(self, title: str, total: int) -> CountProgress:
        """Return a function that shows the progress of the pass `title` over `total` images.

        It is called with the number of images done.
        """
        return lambda done: self.on_progress(title, done, total)

    def scores(self, subject: Subject, metrics: Sequence[Metric]) -> list[ScoreRow]:
        """Return the scores of `subject` by those of `metrics` that `applicable` returns.

        Raises MetricError if a metric does not apply, a score is not finite or a user's own metric
        returns wrong values, and BatchSizeError if the extractor cannot read a batch of the images.
        """
        metrics = self.applicable(metrics, subject)
        activations = self.extractor.activations(
            subject.batches(self.extractor.batch),
            subject.count,
            on_progress=self._pass(f"{subject.of} images", subject.count),
        )
        if not torch.isfinite(activations.features).all():
            message = f"features of {self.extractor.name} are not finite numbers"
            raise MetricError(f"{message}: try another extractor")
        activations = activations.with_labels(subject.labels, subject.names)
        rows = []
        for metric in metrics:
            real = self.reference if metric.paired else None
            values = checked_values(metric, metric.measure(activations, real, subject.seed or 0))
            rows += [self._row(value, subject, metric, activations.size) for value in values]
        return rows

    def applicable(self, metrics: Sequence[Metric], subject: Subject) -> list[Metric]:
        """Return the metrics to score `subject` by, without reading its images.

        Generated images are scored by all of `metrics`. Real images are scored by the paired ones
        if they are other images than the references, else by the unpaired ones. Raises MetricError
        if no metric is left or one does not apply, and BatchSizeError if the extractor cannot read
        a batch of the images or of the references.
        """
        is_generated, is_apart = subject.of == "generated", bool(subject.compared)
        fitting = [m for m in metrics if is_generated or m.paired == is_apart]
        if not fitting:
            names = " and ".join(metric.kind for metric in metrics)
            unpaired = " or ".join(name for name, m in metric_kinds().items() if not m.paired)
            raise MetricError(f"real images alone cannot be scored by {names}: take -m {unpaired}")
        for metric in fitting:
            if reason := refusal(metric, self.extractor, subject.labels):
                raise MetricError(reason)
            metric.demand(subject.count, *([len(self.real)] if metric.paired else []))
        self.extractor.require(subject.count)
        if any(metric.paired for metric in fitting):
            self.extractor.require(len(self.real))
        return fitting

    def _row(
        self, measured: MetricValue, subject: Subject, metric: Metric, features: int
    ) -> ScoreRow:
        """Return a line of `scores.jsonl`, the value `measured` with all its conditions.

        `features` is the number of features. Raises MetricError if the value is not finite.
        """
        name, value = measured.metric, measured.value
        if not math.isfinite(value):
            reason = f"outputs of {self.extractor.name} may be too large"
            raise MetricError(f"{name} became {value}: {reason}; try another extractor")
        extractor, real = self.extractor, self.real if metric.paired else subject.real
        scored_by = ScoredBy(
            extractor.name, extractor.sha256, layer=None, features=None, weights=extractor.origin
        )
        if metric.reads_features:
            scored_by = replace(scored_by, layer=extractor.layer, features=features)
        scored_against = None
        if real is not None:
            count = len(real) if measured.references is None else measured.references
            scored_against = ScoredAgainst(real.dataset, real.split, count, real.sha256, real.seed)
        return ScoreRow(
            metric=name,
            value=value,
            deviation=measured.deviation,
            of=subject.of,
            step=subject.step,
            epoch=subject.epoch,
            weights=subject.weights,
            images=subject.count,
            extractor=scored_by,
            resize=extractor.resize,
            seed=subject.seed,
            labels=subject.label_source,
            reference=scored_against,
            note="; ".join(filter(None, (subject.compared, measured.note))),
            per_class=measured.per_class or None,
        )


def all_scores(
    pairs: Iterable[tuple[Scorer, Subject]], metrics: Sequence[Metric]
) -> list[ScoreRow]:
    """Return the scores of each subject by the scorer that is paired with it.

    All subjects are checked before any is scored, so that an error comes early. Raises MetricError
    and BatchSizeError.
    """
    pairs = list(pairs)
    for scorer, subject in pairs:
        scorer.applicable(metrics, subject)
    return [row for scorer, subject in pairs for row in scorer.scores(subject, metrics)]
