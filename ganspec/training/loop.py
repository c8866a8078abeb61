"""The loop of `ganspec train`: logged, checkpointed, resumable bit for bit."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

import torch

from ganspec.language.errors import GanspecError
from ganspec.plots.log import Epochs
from ganspec.runs.run import Run
from ganspec.systems import checkpoint
from ganspec.systems.claims import Report
from ganspec.systems.schedule import includes
from ganspec.systems.training import Training
from ganspec.training.pace import Pace

FLUSH_STEPS = 50  # steps between two writes of the log, or fewer after FLUSH_SECONDS
FLUSH_SECONDS = 2.0
CHECKPOINT_SECONDS = 300.0  # between checkpoints within an epoch
EPOCH_SECONDS = 20.0  # between checkpoints at epochs' ends
NOTE_SECONDS = 30.0  # between notes of the pace in `run.json`


class TrainingError(GanspecError):
    """Raised when losses or weights are not finite. The message names the step and the weights."""


class LossRecorder:
    """A buffer of losses on the device, written every FLUSH_STEPS steps or FLUSH_SECONDS."""

    def __init__(self, training: Training, run: Run):
        self.training, self.run = training, run
        self.pending: list[tuple[int, dict[str, torch.Tensor]]] = []
        self.flushed = self.noted = time.perf_counter()
        self.pace = Pace(training)
        self.last: dict[str, float] = {}

    def add(self, losses: dict[str, torch.Tensor]) -> bool:
        """Buffer a step's losses. Return True if this call wrote them to the log."""
        self.pending.append((self.training.step, losses))
        waited = time.perf_counter() - self.flushed
        if len(self.pending) >= FLUSH_STEPS or waited > FLUSH_SECONDS:
            self.flush()
            return True
        return False

    def flush(self) -> None:
        """Write the buffered losses. Raises TrainingError if one is not finite.

        Raises RunError if the run's folder was deleted or moved.
        """
        self.run.require()
        if not self.pending:
            return
        # one transfer from the device for all losses
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
        self.last = {**self.last, **rows[-1]}  # keep measurements of the last epoch's end
        bad = next((row for row in rows if row not in finite), None)
        if bad:
            name = next(key for key, value in bad.items() if not math.isfinite(value))
            raise TrainingError(
                f"{name} became {bad[name]} at step {bad['step']}; first weights that are not "
                f"finite: {self.training.culprit() or 'none yet'}"
            )

    def note(self) -> None:
        """Write the pace into `run.json`."""
        self.run.note(**self.pace.figures())
        self.noted = time.perf_counter()

    def save(self) -> None:
        """Write the buffered losses and a checkpoint. Raises TrainingError if not finite."""
        self.flush()
        if culprit := self.training.culprit():  # keep the last good checkpoint
            step = self.training.step
            raise TrainingError(f"weights are not finite after step {step}: {culprit}")
        checkpoint.save(self.run.checkpoint_path, self.training.state())
        self.note()


def end_epoch(training: Training, run: Run, recorder: LossRecorder) -> bool:
    """Write an epoch's picture; snapshot and scores, if due. Return True if scores were due."""
    recorder.flush()
    training.picture(run.samples_path(training.step))
    if includes(training.cfg.keep, training.epoch):
        checkpoint.save(run.snapshot_path(training.step), training.weights())
    scored = False
    if training.scoring and training.scoring.due():
        training.scoring()
        scored = True
    recorder.pace.restart()
    return scored


def run_training(
    training: Training,
    run: Run,
    last: int,
    stop: Callable[[], bool],
    progress: Callable[[int, dict[str, float]], None],
    claims: Report,
) -> None:
    """Train to step `last`, or until `stop()`.

    `progress` is called with the step and its losses after each write of the log. The plot of
    losses shows those of `claims` beside the measured ones. Raises TrainingError if losses or
    weights are not finite; the checkpoint on disk is then an older one.
    """
    from ganspec.plots.losses import plot_losses  # slow to import, so not after a Ctrl-C

    recorder, saved = LossRecorder(training, run), time.perf_counter()
    pace, epochs = recorder.pace, Epochs(training.epoch_steps, training.warmup)

    def save() -> None:
        recorder.save()
        plot_losses(run.rows(), run.losses_path, epochs, claims.log_columns(epochs))

    stopped = stop()
    while training.step < last and not stopped:
        pace.begin()
        losses = training.advance()
        pace.end(waited=False)
        stopped, ended = stop(), training.ends_epoch()
        if ended or stopped or training.step == last:
            losses = {**losses, **training.measures()}
        if recorder.add(losses):
            progress(training.step, recorder.last)
        scored = ended and end_epoch(training, run, recorder)
        waited = time.perf_counter() - saved
        # right after scores: resuming from an earlier step would delete the best snapshot
        if scored or waited > (EPOCH_SECONDS if ended else CHECKPOINT_SECONDS):
            save()
            saved = time.perf_counter()
            pace.restart()
    if not run.samples_path(training.step).exists():
        recorder.flush()
        training.picture(run.samples_path(training.step))
    save()
    progress(training.step, recorder.last)
