"""Take scores during a training, and keep the weights that scored best."""

from __future__ import annotations

from pathlib import Path

import torch

from ganspec.evaluation.extractors import open_extractor
from ganspec.evaluation.runs import asked_like, real_images
from ganspec.evaluation.score_table import plot
from ganspec.evaluation.scoring import Bench
from ganspec.evaluation.subject import Subject, drawn, restored
from ganspec.kinds.metric import MetricError
from ganspec.runs.run import Run
from ganspec.runs.score_file import append_scores, read_scores
from ganspec.systems import checkpoint
from ganspec.systems.source import Source
from ganspec.systems.spec import Spec
from ganspec.systems.training import Training
from ganspec.training.images import class_names

# a score is held against earlier ones that were taken in the same way
ALIKE = ("metric", "of", "weights", "images", "extractor", "reference", "seed", "labels")


class Periodic:
    """Takes the scores of a spec's `evaluate` without changing the training.

    Extractor and real images are opened here, so that what is missing is said before training.
    """

    def __init__(self, spec: Spec, data: Path | None, trainer: Training, run: Run):
        if spec.predicts:
            raise MetricError("a classifier is tested at each epoch's end: take `evaluate` out")
        self.spec, self.said, self.trainer, self.run = spec, spec.evaluate, trainer, run
        extractor = open_extractor(self.said.extractor, trainer.device, self.said.layer)
        real = real_images(spec, data, self.said.split)
        self.bench = Bench(extractor, self.said.metrics, real)
        self.names = tuple(class_names(spec.data, data))
        self.bench.checked(self.subject())

    def due(self) -> bool:
        """Return True if scores are due at the epoch's end that was just reached."""
        return self.trainer.epoch % self.said.every == 0

    def __call__(self) -> None:
        """Take the scores, write them into the run, and keep the weights if they are the best."""
        earlier = read_scores(self.run.folder)
        with torch.random.fork_rng(devices=[]):
            rows = self.bench.scores(self.subject(), self.trainer.epoch)
        append_scores(self.run.folder, rows)
        plot(self.run.folder)
        self.keep_best(rows[0], earlier)

    def subject(self) -> Subject:
        """Return images of the networks in their present state."""
        trainer, said = self.trainer, self.said
        notes = {"step": trainer.step, "weights": "average" if trainer.average else "raw"}
        if self.spec.restores:
            network, real = trainer.networks[self.spec.restores], self.bench.real
            device, seed = trainer.device, said.seed
            return restored(
                self.spec, network, trainer.cfg, real, said.images, seed, device, **notes
            )
        generator = trainer.average or trainer.networks[self.spec.draws]
        source = Source(generator, trainer.cfg, trainer.device, trainer.fixed.get("labels"))
        asked = asked_like(self.bench.real, source, self.spec, said.images)
        return drawn(source, said.images, said.seed, asked, self.names, **notes)

    def keep_best(self, row: dict[str, object], earlier: list[dict[str, object]]) -> None:
        """Save the weights if they score best, in place of the best before them."""
        sign = 1 if self.said.metrics[0].higher else -1
        like = [r for r in earlier if all(r.get(n) == row[n] for n in ALIKE)]
        best = max(like, key=lambda r: sign * r["value"], default=None)
        if best is not None and sign * best["value"] >= sign * row["value"]:
            return
        checkpoint.save(self.run.snapshot_path(self.trainer.step), self.trainer.weights())
        keep = self.trainer.cfg.keep
        if best is not None and not (keep and best["epoch"] % keep == 0):
            self.run.snapshot_path(best["step"]).unlink(missing_ok=True)
