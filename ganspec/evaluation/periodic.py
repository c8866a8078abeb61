"""Measure scores during a training, and keep a snapshot of the best weights."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from operator import attrgetter
from pathlib import Path
from typing import Any

import torch

from ganspec.evaluation.extractor import Extractor
from ganspec.evaluation.extractors import open_shared
from ganspec.evaluation.inception_weights import INSTALL, MissingWeightsError
from ganspec.evaluation.options import EvaluationOptions
from ganspec.evaluation.real_images import RealSide
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
from ganspec.systems.helping import help_others, helped, shared
from ganspec.systems.restorer import Restorer
from ganspec.systems.schedule import includes
from ganspec.systems.source import Part, Source
from ganspec.systems.spec import Spec
from ganspec.systems.training import Scoring, Training

conditions_of = attrgetter(*COMPARABLE, "seed")  # only scores with equal conditions are compared


class StopScoring(Exception):  # noqa: N818  (it is a request to stop, not an error)
    """Raised within an evaluation to end it, because a signal has come."""


def periodic_scores(spec: Spec, data: Path | None, trainer: Training, run: Run) -> Scoring | None:
    """Return the evaluation of a training at epochs' ends, which does not change the training.

    `spec` has a section `evaluate`, and `data` is the folder of its images. If InceptionV3's
    weights are missing, warn and return None. If they lack the logits that a metric reads, warn and
    leave out that metric; return None if no metric is left. Other mistakes are raised at once,
    before training: MetricError, BatchSizeError, ExtractorError, FidelityError, DataError, RunError
    and CheckpointError. On ranks other than the first, return a Helper.
    """
    if spec.predicts:
        raise MetricError(
            "`evaluate` scores images that a network makes, and a classifier makes none: take "
            "`evaluate` out of the spec"
        )
    if not trainer.ranks.is_first:
        helper = Helper(spec, trainer)
        helper(lambda: False)
        return helper
    with helped(trainer.ranks):
        return _periodic(spec, data, trainer, run)


def _periodic(spec: Spec, data: Path | None, trainer: Training, run: Run) -> Periodic | None:
    """Return what `periodic_scores` returns on the first rank."""
    options = EvaluationOptions(data=data, device=trainer.device).with_defaults(spec)
    assert options.metrics is not None  # they are, if the spec has `evaluate`
    names = " and ".join(metric.kind for metric in options.metrics)
    try:
        choice = replace(options.choice, download=False)
        extractor = open_shared(choice, trainer.device, trainer.ranks)
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


class SharedSource(Source):
    """The generator of a training, which shares the drawing of images with the other ranks.

    Its weights are the moving average, if the training keeps one, as for `ganspec sample`.
    """

    def __init__(self, spec: Spec, trainer: Training):
        assert spec.draws is not None
        generator = trainer.average or trainer.networks[spec.draws]
        super().__init__(generator, trainer.cfg, trainer.device, trainer.fixed.get("labels"))
        self.ranks = trainer.ranks

    def draw_all(self, portions: Iterable[Part]) -> Iterator[Part]:
        """Yield `draw` of each of the `portions`."""
        return shared("images", None, self.draw, self.ranks)(portions)


class Helper:
    """The help of a rank other than the first; each call helps with one evaluation."""

    def __init__(self, spec: Spec, trainer: Training):
        assert spec.evaluate is not None
        self.spec, self.trainer, self.every = spec, trainer, spec.evaluate.every
        # the function of the extractor is added when the first rank opens it
        self.functions: dict[str, Callable[[Any], Any]] = {}

    def due(self) -> bool:
        """Return True if scores are due after the epoch that has just ended."""
        return includes(self.every, self.trainer.epoch)

    def is_done(self) -> bool:
        """Return True: only the first rank reads the run."""
        return True

    def best(self) -> set[int]:
        """Return no steps: only the first rank keeps snapshots."""
        return set()

    def __call__(self, stopped: Callable[[], bool]) -> bool:
        """Help the first rank until it is done. Return True."""
        if self.spec.draws:
            self.functions["images"] = SharedSource(self.spec, self.trainer).draw
        with torch.random.fork_rng(devices=[]):
            help_others(self.trainer.ranks, self.functions)
        return True


class Periodic(Helper):
    """The evaluation of a training at the ends of epochs; each call is one evaluation.

    Its progress is shown as lines, below the bar of the training.
    """

    def __init__(
        self,
        spec: Spec,
        options: EvaluationOptions,
        extractor: Extractor,
        trainer: Training,
        run: Run,
    ):
        super().__init__(spec, trainer)
        self.passes = Passes(lines=True)
        self.stopped: Callable[[], bool] = lambda: False
        self.side = RealSide(spec, options, extractor, self.show)
        self.options, self.run = options, run
        assert options.metrics is not None
        self.metrics = options.metrics
        self.metric = self.metrics[0].names[0]  # weights with the best score of this name are kept
        self.sign = 1 if self.metrics[0].higher else -1
        subject = self.subject()
        self.count = subject.count
        self.scorer = self.side.scorer(self.count)
        self.scorer.applicable(self.metrics, subject)

    def show(self, title: str, done: int, total: int) -> None:
        """Show the progress of a pass over images. Raises StopScoring if `stopped` returns True."""
        self.passes(title, done, total)
        if self.stopped():
            raise StopScoring

    def is_done(self) -> bool:
        """Return True if the run has the scores that are due at the training's present step."""
        return bool(self._present(read_scores(self.run.folder)))

    def _present(self, rows: list[ScoreRow]) -> list[ScoreRow]:
        """Return those of `rows` that make an evaluation at the present step needless.

        They are scores of the first metric, at this step, of as many images as are scored.
        """
        wanted = (self.trainer.step, self.metric, self.count)
        return [row for row in rows if (row.step, row.metric, row.images) == wanted]

    def best(self) -> set[int]:
        """Return the steps of the first metric's best scores, one for each set of conditions."""
        rivals: dict[tuple, list[ScoreRow]] = {}
        for row in read_scores(self.run.folder):
            if row.metric == self.metric and row.step is not None:
                rivals.setdefault(conditions_of(row), []).append(row)
        best = (max(rows, key=self._goodness) for rows in rivals.values())
        return {row.step for row in best if row.step is not None}

    def _goodness(self, row: ScoreRow) -> float:
        return self.sign * row.value

    def __call__(self, stopped: Callable[[], bool]) -> bool:
        """Measure scores, write them into the run, and keep the weights if they are the best yet.

        Scores of the present step that the run has already are not measured again. Return False,
        with nothing written, if `stopped` returned True between two batches of images; else True.
        """
        self.stopped = stopped
        try:
            with helped(self.trainer.ranks):
                scores = read_scores(self.run.folder)
                rows = self._present(scores) or self._measured()
        except StopScoring:
            return False
        plot(self.run.folder)
        self.keep_best(rows[0], [row for row in scores if row.step != self.trainer.step])
        return True

    def _measured(self) -> list[ScoreRow]:
        """Return the scores of the present weights, after writing them into the run."""
        with self.passes, torch.random.fork_rng(devices=[]):
            rows = self.scorer.scores(self.subject(), self.metrics)
        append_scores(self.run.folder, rows)
        return rows

    def subject(self) -> Subject:
        """Return the images that the networks draw or restore with their present weights."""
        trainer, count, seed = self.trainer, self.options.image_count, self.options.seed or 0
        if self.spec.restores:
            network = trainer.networks[self.spec.restores]
            restorer = Restorer(self.spec, network, trainer.cfg, trainer.device)
            subject = restored_images(restorer, self.side.dataset, count, seed)
        else:
            source = SharedSource(self.spec, trainer)
            label_source = use_labels_of(self.side, source, count)
            subject = drawn_images(source, count, seed, label_source)
            subject = replace(subject, names=self.side.dataset.names)
        weights = "average" if trainer.average else "raw"
        return replace(subject, step=trainer.step, epoch=trainer.epoch, weights=weights)

    def keep_best(self, row: ScoreRow, earlier: list[ScoreRow]) -> None:
        """Save a snapshot of the weights if the score `row` is better than the `earlier` ones.

        Only earlier scores with the same conditions count. The snapshot of the best of them is then
        deleted, unless the spec's `keep` asks for it.
        """
        rivals = [other for other in earlier if conditions_of(other) == conditions_of(row)]
        best = max(rivals, key=self._goodness, default=None)
        if best is not None and self._goodness(best) >= self._goodness(row):
            return
        checkpoint.save(self.run.snapshot_path(self.trainer.step), self.trainer.weights())
        if best is None:
            return
        epoch = best.epoch
        is_kept_anyway = isinstance(epoch, int) and includes(self.trainer.cfg.keep, epoch)
        if best.step is not None and not is_kept_anyway:
            self.run.snapshot_path(best.step).unlink(missing_ok=True)
