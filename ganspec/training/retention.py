"""The pictures and snapshots that a run keeps: a bounded number, evenly spaced."""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path

from ganspec.runs.run import Run
from ganspec.systems.schedule import includes
from ganspec.systems.training import Training


def spacing(done: int, unit: int, most: int) -> int:
    """Return the steps between two files of a run of `done` steps that keeps at most `most` files.

    The result is the smallest sufficient `unit * 2**n`, with n from 0 on.
    """
    width = unit
    while done > most * width:
        width *= 2
    return width


def superseded(steps: Iterable[int], width: int) -> set[int]:
    """Return the steps whose files are to be deleted: all but the newest in each window.

    Windows have `width` steps. The first one begins with step 1, and has earlier steps, too. So a
    file of a step within an epoch, where a training was stopped, stays only until its window has a
    newer one. A window of twice the width is two windows, so the steps that remain in the end do
    not depend on how often files were deleted.
    """
    steps = sorted(steps)
    newest = {max(1, math.ceil(step / width)): step for step in steps}
    return set(steps) - set(newest.values())


class Retention:
    """Decides which pictures and snapshots a training writes and keeps.

    The spec's `train.pictures` limits the pictures, and `train.snapshots` the snapshots of
    `keep: N`. The rule depends on the step alone, so a resumed run keeps the same files as an
    uninterrupted one. Only files with the names that a training gives are deleted, and never the
    snapshots that score best, or those of a list of epochs in `train.keep`.
    """

    def __init__(self, training: Training, run: Run):
        self.training, self.run, self.cfg = training, run, training.cfg
        every = self.cfg.keep if isinstance(self.cfg.keep, int) else 1
        self.pictures = training.epoch_steps  # steps between two pictures while these are few
        self.snapshots = every * training.epoch_steps

    @property
    def done(self) -> int:
        """Number of steps so far, without those of the warm-up."""
        return max(0, self.training.step - self.training.warmup)

    def wants_picture(self) -> bool:
        """Return True if the run is to keep a picture of the epoch that has just ended."""
        return self.done % spacing(self.done, self.pictures, self.cfg.pictures) == 0

    def wants_snapshot(self) -> bool:
        """Return True if `keep` in the spec includes the epoch that has just ended."""
        return includes(self.cfg.keep, self.training.epoch)

    def thin(self) -> None:
        """Delete the pictures and snapshots that newer ones supersede."""
        pictures, snapshots, warmup = self.run.samples(), {}, self.training.warmup
        if isinstance(self.cfg.keep, int):
            snapshots = {
                step: path
                for step, path in self.run.snapshots().items()
                if step > warmup and (step - warmup) % self.snapshots == 0
            }
        for step in self._superseded(pictures, self.pictures, self.cfg.pictures):
            pictures[step].unlink(missing_ok=True)
        old = self._superseded(snapshots, self.snapshots, self.cfg.snapshots)
        if old and self.training.scoring:
            old -= self.training.scoring.best()
        for step in old:
            snapshots[step].unlink(missing_ok=True)

    def _superseded(self, files: dict[int, Path], unit: int, most: int) -> set[int]:
        warmup = self.training.warmup
        steps = [step - warmup for step in files if step <= self.training.step]
        width = spacing(self.done, unit, most)
        return {step + warmup for step in superseded(steps, width)}
