"""Measure scores during a training, and keep a snapshot of the best weights."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch

from ganspec.evaluation.extractor import Extractor
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


class StopScoring(Exception):  # noqa: N818  (a request, no error)
    """Raised within an evaluation that a signal ends."""


def periodic_scores(spec: Spec, data: Path | None, trainer: Training, run: Run) -> Periodic | None:
    """Return the evaluation of a training, which does not change the training.

    Its passes over images are shown as lines, below the training's own bar.

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
    return Periodic(spec, options, extractor, trainer, run)


class Periodic:
    """The evaluation of a training at epochs' ends."""

    def __init__(
        self,
        spec: Spec,
        options: EvaluationOptions,
        extractor: Extractor,
        trainer: Training,
        run: Run,
    ):
        self.passes = Passes(lines=True)
        self.stopped: Callable[[], bool] = lambda: False
        side = RealSide(spec, options, extractor, self.show)
        self.side, self.spec, self.options = side, spec, options
        self.trainer, self.run = trainer, run
        assert self.options.metrics is not None and self.spec.evaluate is not None
        self.metrics, self.every = self.options.metrics, self.spec.evaluate.every
        subject = self.subject()
        self.scorer = side.scorer(subject.count)
        self.scorer.applicable(self.metrics, subject)

    def due(self) -> bool:
        """Return True if scores are due after the epoch that has just ended."""
        return includes(self.every, self.trainer.epoch)

    def show(self, title: str, done: int, total: int) -> None:
        """Show the progress of a pass over images. Raises StopScoring if a signal has come."""
        self.passes(title, done, total)
        if self.stopped():
            raise StopScoring

    def is_done(self) -> bool:
        """Return True if the run has the scores of the present step."""
        return bool(self._present(read_scores(self.run.folder)))

    def _present(self, rows: list[ScoreRow]) -> list[ScoreRow]:
        """Return the scores of the present step by the first metric, as this evaluation's."""
        (name, *_), step = self.metrics[0].names, self.trainer.step
        fitting = (row for row in rows if (row.step, row.metric) == (step, name))
        return [row for row in fitting if row.images == image_count(self.options)]

    def best(self) -> set[int]:
        """Return the steps of the best scores by the first metric, for each set of conditions."""
        cohorts: dict[tuple, list[ScoreRow]] = {}
        for row in read_scores(self.run.folder):
            if row.metric == self.metrics[0].names[0] and row.step is not None:
                cohorts.setdefault(tuple(getattr(row, n) for n in SHARED), []).append(row)
        sign = 1 if self.metrics[0].higher else -1
        best = (max(rows, key=lambda row: sign * row.value) for rows in cohorts.values())
        return {row.step for row in best if row.step is not None}

    def __call__(self, stopped: Callable[[], bool]) -> bool:
        """Measure scores, write them into the run, and keep the weights if they are the best.

        Scores of the present step that the run has already are not measured again. Return False,
        with nothing written, if `stopped` returned True between two batches of images.
        """
        scores, self.stopped = read_scores(self.run.folder), stopped
        rows = self._present(scores)
        if not rows:
            try:
                with self.passes, torch.random.fork_rng(devices=[]):
                    rows = self.scorer.scores(self.subject(), self.metrics)
            except StopScoring:
                return False
            append_scores(self.run.folder, rows)
        plot(self.run.folder)
        self.keep_best(rows[0], [row for row in scores if row.step != self.trainer.step])
        return True

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
