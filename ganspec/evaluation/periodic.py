"""Measure scores during a training, and keep a snapshot of the best weights."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch

from ganspec.evaluation.extractors import open_extractor
from ganspec.evaluation.runs import real_images, use_labels_of
from ganspec.evaluation.score_table import plot
from ganspec.evaluation.scoring import Scorer
from ganspec.evaluation.subject import Restorer, Subject, drawn_images, restored_images
from ganspec.kinds.metric import MetricError
from ganspec.runs.run import Run
from ganspec.runs.score_file import ScoreRow, append_scores, read_scores
from ganspec.systems import checkpoint
from ganspec.systems.source import Source
from ganspec.systems.spec import Spec
from ganspec.systems.training import Training
from ganspec.training.images import class_names

# fields that a score must share with an earlier one to be compared with it
COMPARABLE = ("metric", "of", "weights", "images", "extractor", "reference", "seed", "labels")


class Periodic:
    """The evaluation of a training at epochs' ends, which does not change the training.

    The constructor opens extractor and images, so that errors come before training. Raises
    MetricError, ExtractorError, FidelityError, DataError, RunError and CheckpointError.
    """

    def __init__(self, spec: Spec, data: Path | None, trainer: Training, run: Run):
        if spec.predicts:
            raise MetricError("a classifier is tested at each epoch's end: take `evaluate` out")
        settings = spec.evaluate
        assert settings is not None  # the caller checks it
        self.spec, self.settings, self.trainer, self.run = spec, settings, trainer, run
        extractor = open_extractor(settings.extractor, trainer.device, settings.layer)
        self.real = real_images(spec, data, settings.split)
        self.scorer = Scorer(extractor, self.real)
        self.names = tuple(class_names(spec.data, data))
        self.scorer.applicable(settings.metrics, self.subject())

    def due(self) -> bool:
        """Return True if scores are due after the epoch that has just ended."""
        return self.trainer.epoch % self.settings.every == 0

    def __call__(self) -> None:
        """Measure scores, write them into the run, and keep the weights if they are the best."""
        earlier = read_scores(self.run.folder)
        with torch.random.fork_rng(devices=[]):
            rows = self.scorer.scores(self.subject(), self.settings.metrics)
        append_scores(self.run.folder, rows)
        plot(self.run.folder)
        self.keep_best(rows[0], earlier)

    def subject(self) -> Subject:
        """Return images of the networks in their present state."""
        trainer, count, seed = self.trainer, self.settings.images, self.settings.seed
        if self.spec.restores:
            network = trainer.networks[self.spec.restores]
            restorer = Restorer(self.spec, network, trainer.cfg, trainer.device)
            subject = restored_images(restorer, self.real, count, seed)
        else:
            assert self.spec.draws is not None  # all systems draw, restore or predict
            generator = trainer.average or trainer.networks[self.spec.draws]
            source = Source(generator, trainer.cfg, trainer.device, trainer.fixed.get("labels"))
            label_source = use_labels_of(self.real, source, self.spec, count)
            subject = drawn_images(source, count, seed, label_source)
            subject = replace(subject, names=self.names)
        weights = "average" if trainer.average else "raw"
        return replace(subject, step=trainer.step, epoch=trainer.epoch, weights=weights)

    def keep_best(self, row: ScoreRow, earlier: list[ScoreRow]) -> None:
        """Save the weights if `row` is the best score, and delete the previous best ones."""
        sign = 1 if self.settings.metrics[0].higher else -1
        comparable = [
            r for r in earlier if all(getattr(r, n) == getattr(row, n) for n in COMPARABLE)
        ]
        best = max(comparable, key=lambda r: sign * r.value, default=None)
        if best is not None and sign * best.value >= sign * row.value:
            return
        checkpoint.save(self.run.snapshot_path(self.trainer.step), self.trainer.weights())
        if best is None:
            return
        keep = self.trainer.cfg.keep
        is_kept_anyway = keep and best.epoch is not None and best.epoch % keep == 0
        if best.step is not None and not is_kept_anyway:
            self.run.snapshot_path(best.step).unlink(missing_ok=True)
