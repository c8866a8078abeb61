"""The training loop of `ganspec train`, which writes a log and checkpoints to resume from."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import TypeAlias

import torch

from ganspec.language.errors import GanspecError, one_line
from ganspec.plots.log import Epochs
from ganspec.plots.thinned import ThinnedLog
from ganspec.runs.run import Run
from ganspec.systems import checkpoint
from ganspec.systems.claims import Report
from ganspec.systems.training import Scoring, Training
from ganspec.training.limits import Limits
from ganspec.training.pace import Pace
from ganspec.training.retention import Retention

# losses are moved from the device into the log after so many steps, or so many seconds
FLUSH_STEPS = 50
FLUSH_SECONDS = 2.0
CHECKPOINT_SECONDS = 300.0  # least time between checkpoints within an epoch
TOGETHER_SECONDS = 60.0  # the same with several processes: any of them may be lost
EPOCH_SECONDS = 20.0  # least time between checkpoints at epochs' ends, unless scores are due
NOTE_SECONDS = 30.0  # least time between notes of the pace in `run.json`, apart from checkpoints

# is called with the step, and with the newest number in each column of the log, by name
OnFlush: TypeAlias = Callable[[int, dict[str, float]], None]


class TrainingError(GanspecError):
    """Raised when a loss, or a tensor of networks or optimizers, is not finite."""


class LossRecorder:
    """A buffer of losses on the device, written to the log every FLUSH_STEPS or FLUSH_SECONDS.

    After each write of finite losses it calls `on_flush`.
    """

    def __init__(self, training: Training, run: Run, on_flush: OnFlush):
        self.training, self.run, self.on_flush = training, run, on_flush
        self.pending: list[tuple[int, dict[str, torch.Tensor]]] = []
        self.flushed = self.noted = time.perf_counter()
        self.pace = Pace(training)
        self.last: dict[str, float] = {}

    def add(self, losses: dict[str, torch.Tensor]) -> None:
        """Buffer the losses of the present step by name, and write the buffer if it is time."""
        self.pending.append((self.training.step, losses))
        waited = time.perf_counter() - self.flushed
        if len(self.pending) >= FLUSH_STEPS or waited > FLUSH_SECONDS:
            self.flush()

    def flush(self) -> None:
        """Write the buffered losses to the run's log, and call `on_flush`.

        Raises TrainingError if a loss is not finite, after writing the losses of other steps, and
        RunError if the run's folder was deleted or moved.
        """
        self.run.require_present()
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
        self.run.loss_log.append(finite)
        self.last = {**self.last, **rows[-1]}  # the last row may lack measurements
        if bad := next((row for row in rows if row not in finite), None):
            name = next(key for key, value in bad.items() if not math.isfinite(value))
            found = self._not_finite() or "all weights and optimizers are still finite"
            raise TrainingError(f"{name} became {bad[name]} at step {bad['step']}; {found}")
        self.on_flush(self.training.step, self.last)

    def advance(self) -> dict[str, torch.Tensor]:
        """Make one training step. Return its losses by name.

        Raises TrainingError if the step fails with a RuntimeError while a loss or a tensor of the
        training is not finite.
        """
        try:
            return self.training.make_step()
        except RuntimeError as error:
            self.flush()
            if found := self._not_finite():
                raise TrainingError(f"{one_line(error)}; {found}") from error
            raise

    def _not_finite(self) -> str | None:
        """Return in words which tensor of the training is not finite; None if all are finite."""
        culprit = self.training.culprit()
        return culprit and f"not finite after step {self.training.step}: {culprit}"

    def note(self) -> None:
        """Write the pace into `run.json`."""
        self.run.note(**self.pace.figures())
        self.noted = time.perf_counter()

    def save(self) -> None:
        """Write the buffered losses and a checkpoint.

        Raises what `flush` raises, and TrainingError if a tensor of networks or optimizers is not
        finite.
        """
        self.flush()
        if found := self._not_finite():  # the last checkpoint, which is good, stays
            raise TrainingError(found)
        # the log first, so that after a power cut it does not end before the checkpoint's step
        self.run.loss_log.sync()
        checkpoint.save(self.run.checkpoint_path, self.training.state())
        self.note()


def measures(training: Training) -> dict[str, torch.Tensor]:
    """Return measurements on held-out images by name; {} if there are none. All ranks call this."""
    with training.ranks.together():
        return training.measures()


def due_scoring(training: Training) -> Scoring | None:
    """Return the training's `scoring` if scores are due at the present step, else None."""
    scoring = training.scoring
    return scoring if scoring and training.ends_epoch() and scoring.due() else None


def help_to_score(training: Training, limits: Limits) -> None:
    """Help the first rank to measure scores, if they are due at this step."""
    if scoring := due_scoring(training):
        limits.reached(training.step)  # the first rank learns of a signal that came to this one
        scoring(lambda: False)


def run_silently(training: Training, limits: Limits) -> None:
    """Make the steps that `Loop.run_to_end` makes on rank 0, on a rank that writes nothing."""
    help_to_score(training, limits)  # at the step that is resumed
    goes_on = not limits.reached(training.step)
    limits.start()
    while goes_on:
        training.make_step()
        if training.ends_epoch() or (limits.reached(training.step) and not limits.asked):
            measures(training)
        help_to_score(training, limits)
        goes_on = not limits.reached(training.step)


def load_plotting() -> Callable[..., None]:
    """Return the function that plots losses. The first call imports matplotlib, which is slow."""
    from ganspec.plots.losses import plot_losses

    return plot_losses


class LossPlot:
    """The plot of a run's losses, with a thinned copy of the log in memory."""

    def __init__(self, training: Training, run: Run, claims: Report):
        self.run = run
        self.epochs = Epochs(training.epoch_steps, training.warmup)
        self.claims = claims.log_columns(self.epochs)
        self.log, self.read = ThinnedLog(), 0  # bytes of the log that were read

    def write(self) -> None:
        """Read the lines of the log that are new since the last call, and write the plot."""
        for rows, end in self.run.loss_log.chunks(self.read):
            self.log.add(rows)
            self.read = end
        load_plotting()(self.log.columns(), self.run.losses_path, self.epochs, self.claims)


class Loop:
    """Makes training steps, and writes the files of the run that depend on them.

    `claims` is the spec's report; the plot of losses also shows the columns of the log that it
    prints. `on_flush` is called after each write of the log.
    """

    def __init__(
        self, training: Training, run: Run, limits: Limits, claims: Report, on_flush: OnFlush
    ):
        self.training, self.run, self.limits = training, run, limits
        self.recorder = LossRecorder(training, run, on_flush)
        self.plot, self.retention = LossPlot(training, run, claims), Retention(training, run)
        self.saved = time.perf_counter()  # time of the last checkpoint
        self.spacing = CHECKPOINT_SECONDS
        if training.ranks.count > 1:  # one checkpoint at once, after the first step
            self.saved, self.spacing = -math.inf, TOGETHER_SECONDS
        self.saved_step: int | None = None

    def run_to_end(self) -> bool:
        """Train until `limits` are reached. Return False if a signal ended the last scoring.

        Raises TrainingError if losses or tensors are not finite, and RunError if the run's folder
        was deleted or moved. The last checkpoint stays.
        """
        training, limits, pace = self.training, self.limits, self.recorder.pace
        complete = self.score()  # at the step that is resumed, if a signal ended its scoring
        goes_on = not limits.reached(training.step)
        limits.start()
        first = training.step + 1
        while goes_on:
            pace.begin()
            losses = self.recorder.advance()
            pace.end(waited=False)
            ended = training.ends_epoch()
            # not where a signal ends an epoch early: an uninterrupted run measures nothing there
            if ended or (limits.reached(training.step) and not limits.asked):
                losses = {**losses, **measures(training)}
            self.recorder.add(losses)
            if training.step == first:
                load_plotting()  # so that neither the first step nor a Ctrl-C waits for matplotlib
            if ended or time.perf_counter() - self.saved > self.spacing:
                self.keep(ended)
                complete = self.score()
            goes_on = not limits.reached(training.step)
        self.picture()
        if self.saved_step != training.step:
            self.save()
        self.retention.thin()  # again, as the picture may be newer than the checkpoint
        return complete

    def keep(self, ended: bool) -> None:
        """Write a checkpoint if it is due. If an epoch has `ended`, first write its other files.

        These are a picture, if the run keeps it or a checkpoint is due, and a snapshot, if `keep`
        in the spec asks for it.
        """
        training, scoring = self.training, self.training.scoring
        waited = time.perf_counter() - self.saved
        # scores are measured after a checkpoint, so that a signal may end them
        is_due = waited > EPOCH_SECONDS or bool(scoring and scoring.due())
        if ended and (is_due or self.retention.wants_picture()):
            self.picture()
        if ended and self.retention.wants_snapshot():
            checkpoint.save(self.run.snapshot_path(training.step), training.weights())
        if is_due:
            self.save()
        self.recorder.pace.restart()

    def picture(self) -> None:
        """Write a picture of the present step, unless the run has it already."""
        self.recorder.flush()
        path = self.run.samples_path(self.training.step)
        if not path.exists():
            self.training.picture(path)

    def score(self) -> bool:
        """Measure scores, if they are due at this step. Return False if a signal ended that."""
        scoring = due_scoring(self.training)
        if scoring is None:
            return True
        self.limits.reached(self.training.step)  # a signal may have come to another rank
        complete = scoring(lambda: self.limits.is_asked)
        self.retention.thin()  # snapshots that no longer have the best score
        self.recorder.pace.restart()
        return complete

    def save(self) -> None:
        """Write a checkpoint and the plot of losses. Delete superseded pictures and snapshots."""
        self.recorder.save()
        self.retention.thin()
        self.plot.write()
        self.saved, self.saved_step = time.perf_counter(), self.training.step
