"""Training as `ganspec train` does it: logged, checkpointed, resumable bit for bit."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

import torch

from ganspec.language.errors import GanspecError
from ganspec.runs.run import Run
from ganspec.systems import checkpoint
from ganspec.systems.training import Training
from ganspec.training.pace import Pace

FLUSH_STEPS = 50  # losses stay on the device until then
FLUSH_SECONDS = 2.0
CHECKPOINT_SECONDS = 300.0  # within an epoch
EPOCH_SECONDS = 20.0  # at an epoch's end, where epochs are short
NOTE_SECONDS = 30.0  # between notes of the pace in `run.json`


class TrainingError(GanspecError):
    """Training that cannot go on, with the step and the culprit."""


class Recorder:
    """Collects losses on the device and writes them to the log a few times a second at most."""

    def __init__(self, trainer: Training, run: Run):
        self.trainer, self.run = trainer, run
        self.pending: list[tuple[int, dict[str, torch.Tensor]]] = []
        self.flushed = self.noted = time.perf_counter()
        self.pace = Pace(trainer)
        self.last: dict[str, float] = {}

    def add(self, losses: dict[str, torch.Tensor]) -> bool:
        """Remember a step's losses; whether they were written."""
        self.pending.append((self.trainer.step, losses))
        waited = time.perf_counter() - self.flushed
        if len(self.pending) >= FLUSH_STEPS or waited > FLUSH_SECONDS:
            self.flush()
            return True
        return False

    def flush(self) -> None:
        """Write what is pending; raises TrainingError where a loss is not finite."""
        if not self.pending:
            return
        # one transfer from the device for all of them
        values = iter(torch.stack([v for _, log in self.pending for v in log.values()]).tolist())
        rows = [
            {"step": step, **{name: next(values) for name in log}} for step, log in self.pending
        ]
        self.pending, self.flushed = [], time.perf_counter()
        self.pace.end(waited=True)
        if self.flushed - self.noted > NOTE_SECONDS:
            self.note()
        finite = [row for row in rows if math.isfinite(sum(row.values()))]
        self.run.append(finite)
        self.last = {**self.last, **rows[-1]}  # what is measured once an epoch stays in sight
        bad = next((row for row in rows if row not in finite), None)
        if bad:
            name = next(key for key, value in bad.items() if not math.isfinite(value))
            raise TrainingError(
                f"{name} became {bad[name]} at step {bad['step']}; first weights that are not "
                f"finite: {self.trainer.culprit() or 'none yet'}"
            )

    def note(self) -> None:
        """Write the pace into the run."""
        self.run.note(**self.pace.figures())
        self.noted = time.perf_counter()

    def save(self) -> None:
        """Write what is pending and a checkpoint; raises TrainingError where it would be bad."""
        self.flush()
        if culprit := self.trainer.culprit():  # or a good checkpoint would be lost to a bad one
            step = self.trainer.step
            raise TrainingError(f"weights are not finite after step {step}: {culprit}")
        checkpoint.save(self.run.checkpoint_path, self.trainer.state())
        self.note()


def end_epoch(trainer: Training, run: Run, recorder: Recorder) -> bool:
    """Take the picture, snapshot and scores of an epoch's end; whether there were scores."""
    recorder.flush()
    trainer.picture(run.samples_path(trainer.step))
    if trainer.cfg.keep and trainer.epoch % trainer.cfg.keep == 0:
        checkpoint.save(run.snapshot_path(trainer.step), trainer.weights())
    scored = trainer.scoring is not None and trainer.scoring.due()
    if scored:
        trainer.scoring()
    recorder.pace.restart()
    return scored


def run_training(
    trainer: Training,
    run: Run,
    last: int,
    stop: Callable[[], bool],
    progress: Callable[[int, dict[str, float]], None],
) -> None:
    """Train to step `last`, or until `stop()`.

    Raises TrainingError where a loss is not finite; the last checkpoint is from before that.
    """
    from ganspec.plots.losses import plot_losses  # slow to import: not while it is interrupted

    recorder, saved = Recorder(trainer, run), time.perf_counter()
    pace = recorder.pace

    def save() -> None:
        recorder.save()
        plot_losses(run.rows(), run.losses_path, trainer.epoch_steps, trainer.warmup)

    stopped = stop()
    while trainer.step < last and not stopped:
        pace.begin()
        losses = trainer.advance()
        pace.end(waited=False)
        stopped, ended = stop(), trainer.ends_epoch()
        if ended or stopped or trainer.step == last:
            losses = {**losses, **trainer.measures()}
        if recorder.add(losses):
            progress(trainer.step, recorder.last)
        scored = ended and end_epoch(trainer, run, recorder)
        waited = time.perf_counter() - saved
        # after scores at once: going back to before them would leave the best of them behind
        if scored or waited > (EPOCH_SECONDS if ended else CHECKPOINT_SECONDS):
            save()
            saved = time.perf_counter()
            pace.restart()
    if not run.samples_path(trainer.step).exists():
        recorder.flush()
        trainer.picture(run.samples_path(trainer.step))
    save()
    progress(trainer.step, recorder.last)
