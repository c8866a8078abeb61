"""Measure scores during a training, and keep a snapshot of the best weights."""

from __future__ import annotations

import warnings
from dataclasses import replace
from pathlib import Path

import torch

from ganspec.evaluation.extractors import open_extractor
from ganspec.evaluation.inception_weights import INSTALL, MissingWeightsError
from ganspec.evaluation.options import EvaluationOptions
from ganspec.evaluation.real_images import RealSide, image_count
from ganspec.evaluation.runs import use_labels_of
from ganspec.evaluation.score_table import plot
from ganspec.evaluation.scoring import refusal
from ganspec.evaluation.subject import Subject, drawn_images, restored_images
from ganspec.kinds.metric import MetricError
from ganspec.progress import Passes
from ganspec.runs.run import Run
from ganspec.runs.score_file import ScoreRow, append_scores, read_scores
from ganspec.scores.matching import COMPARABLE
from ganspec.systems import checkpoint
from ganspec.systems.restorer import Restorer
from ganspec.systems.schedule import includes
from ganspec.systems.source import Source
from ganspec.systems.spec import Spec
from ganspec.systems.training import Training

SHARED = (*COMPARABLE, "seed")  # fields in which the best score and its rivals agree


def periodic_scores(spec: Spec, data: Path | None, trainer: Training, run: Run) -> Periodic | None:
    """Return the evaluation of a training, which does not change the training.

    If InceptionV3's weights are missing, or lack the logits that a metric reads, it warns and
    leaves out these scores; it returns None if none are left. Other mistakes are raised before
    training: MetricError, ExtractorError, FidelityError, DataError, RunError and CheckpointError.
    """
    if spec.predicts:
        raise MetricError("a classifier is tested at each epoch's end: take `evaluate` out")
    options = EvaluationOptions(data=data, device=trainer.device).with_defaults(spec)
    assert options.metrics is not None  # the caller checks that the spec has `evaluate`
    names = " and ".join(metric.kind for metric in options.metrics)
    try:
        extractor = open_extractor(replace(options.choice, download=False), trainer.device)
    except MissingWeightsError as error:
        message = f"training goes on without {names}, as {error}, or {INSTALL}"
        warnings.warn(message, stacklevel=2)
        return None
    metrics = []
    for metric in options.metrics:
        reason = None if extractor.has_logits else refusal(metric, extractor, None)
        if reason is None:
            metrics.append(metric)
        else:
            message = f"training goes on without {metric.kind}, as {reason}"
            warnings.warn(message, stacklevel=2)
    if not metrics:
        return None
    options = replace(options, metrics=tuple(metrics))
    return Periodic(RealSide(spec, options, extractor, Passes(bars=False)), trainer, run)


class Periodic:
    """The evaluation of a training at epochs' ends."""

    def __init__(self, side: RealSide, trainer: Training, run: Run):
        self.side, self.spec, self.options = side, side.spec, side.options
        self.trainer, self.run = trainer, run
        assert self.options.metrics is not None and self.spec.evaluate is not None
        self.metrics, self.every = self.options.metrics, self.spec.evaluate.every
        subject = self.subject()
        self.scorer = side.scorer(subject.count)
        self.scorer.applicable(self.metrics, subject)

    def due(self) -> bool:
        """Return True if scores are due after the epoch that has just ended."""
        return includes(self.every, self.trainer.epoch)

    def __call__(self) -> None:
        """Measure scores, write them into the run, and keep the weights if they are the best."""
        earlier = read_scores(self.run.folder)
        with torch.random.fork_rng(devices=[]):
            rows = self.scorer.scores(self.subject(), self.metrics)
        append_scores(self.run.folder, rows)
        plot(self.run.folder)
        self.keep_best(rows[0], earlier)

    def subject(self) -> Subject:
        """Return images of the networks in their present state."""
        trainer, count = self.trainer, image_count(self.options)
        seed = self.options.seed or 0
        if self.spec.restores:
            network = trainer.networks[self.spec.restores]
            restorer = Restorer(self.spec, network, trainer.cfg, trainer.device)
            subject = restored_images(restorer, self.side.dataset, count, seed)
        else:
            assert self.spec.draws is not None  # all systems draw, restore or predict
            generator = trainer.average or trainer.networks[self.spec.draws]
            source = Source(generator, trainer.cfg, trainer.device, trainer.fixed.get("labels"))
            label_source = use_labels_of(self.side.whole, source, self.spec, count)
            subject = drawn_images(source, count, seed, label_source)
            subject = replace(subject, names=self.side.dataset.names)
        weights = "average" if trainer.average else "raw"
        return replace(subject, step=trainer.step, epoch=trainer.epoch, weights=weights)

    def keep_best(self, row: ScoreRow, earlier: list[ScoreRow]) -> None:
        """Save the weights if `row` is the best score, and delete the previous best ones."""
        sign = 1 if self.metrics[0].higher else -1
        comparable = [r for r in earlier if all(getattr(r, n) == getattr(row, n) for n in SHARED)]
        best = max(comparable, key=lambda r: sign * r.value, default=None)
        if best is not None and sign * best.value >= sign * row.value:
            return
        checkpoint.save(self.run.snapshot_path(self.trainer.step), self.trainer.weights())
        if best is None:
            return
        epoch = best.epoch
        is_kept_anyway = isinstance(epoch, int) and includes(self.trainer.cfg.keep, epoch)
        if best.step is not None and not is_kept_anyway:
            self.run.snapshot_path(best.step).unlink(missing_ok=True)
