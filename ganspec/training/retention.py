"""The pictures and snapshots that a run keeps: a bounded number, evenly spaced."""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path

from ganspec.runs.run import Run
from ganspec.systems.schedule import includes
from ganspec.systems.training import Training


def spacing(done: int, unit: int, most: int) -> float:
    """Return a power of two times `unit`, the least that fits into `done` at most `most` times.

    The power may be negative, down to a spacing of one step.
    """
    width = float(unit)
    while done > most * width:
        width *= 2
    while width > 1 and done <= most * width / 2:
        width /= 2
    return width


def superseded(steps: Iterable[int], width: float) -> set[int]:
    """Return the steps without the newest of each window of `width` steps.

    Windows of twice the width are made of two, so it does not matter how often steps were left out.
    """
    steps = sorted(steps)
    newest = {max(1, math.ceil(step / width)): step for step in steps}
    return set(steps) - set(newest.values())


class Retention:
    """Decides which pictures and snapshots a training writes and keeps.

    The numbers of both are bounded by the spec's `train.pictures` and `train.snapshots`. The rule
    reads the step alone, so a resumed run keeps what an uninterrupted one keeps. Only files with
    the names that a training gives them are deleted, and not the snapshot that scored best.
    """

    def __init__(self, training: Training, run: Run):
        self.training, self.run, self.cfg = training, run, training.cfg
        every = self.cfg.keep if isinstance(self.cfg.keep, int) else 1
        self.pictures = training.epoch_steps  # steps between two pictures of a short run
        self.snapshots = every * training.epoch_steps

    @property
    def done(self) -> int:
        """Number of steps after the warm-up."""
        return max(0, self.training.step - self.training.warmup)

    def wants_picture(self) -> bool:
        """Return True if the picture of the epoch that has just ended would be kept."""
        return self._fits(self.pictures, self.cfg.pictures)

    def wants_snapshot(self) -> bool:
        """Return True if the spec wants the weights of this epoch's end, and they would be kept."""
        keep = self.cfg.keep
        listed = isinstance(keep, tuple) or self._fits(self.snapshots, self.cfg.snapshots)
        return includes(keep, self.training.epoch) and listed

    def _fits(self, unit: int, most: int) -> bool:
        return self.done % max(unit, spacing(self.done, unit, most)) == 0

    def thin(self) -> None:
        """Delete the pictures and snapshots that are too many."""
        pictures, snapshots = self.run.samples(), {}
        if isinstance(self.cfg.keep, int):
            snapshots = {
                step: path
                for step, path in self.run.snapshots().items()
                if step > self.training.warmup and self._counted(step) % self.snapshots == 0
            }
        many = self._superseded(pictures, self.pictures, self.cfg.pictures)
        for step in many:
            pictures[step].unlink(missing_ok=True)
        many = self._superseded(snapshots, self.snapshots, self.cfg.snapshots)
        if many and self.training.scoring:
            many -= self.training.scoring.best()
        for step in many:
            snapshots[step].unlink(missing_ok=True)

    def _counted(self, step: int) -> int:
        return step - self.training.warmup

    def _superseded(self, files: dict[int, Path], unit: int, most: int) -> set[int]:
        warmup = self.training.warmup
        steps = [self._counted(step) for step in files if step <= self.training.step]
        width = spacing(self.done, unit, most)
        return {step + warmup for step in superseded(steps, width)}
