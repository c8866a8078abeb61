"""The training loop of `ganspec train`, which writes a log and checkpoints to resume from."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias

import torch

from ganspec.language.errors import GanspecError, one_line
from ganspec.plots.log import Epochs
from ganspec.plots.thinned import ThinnedLog
from ganspec.runs.run import Run
from ganspec.systems import checkpoint
from ganspec.systems.claims import Report
from ganspec.systems.ranks import Ranks
from ganspec.systems.training import Training
from ganspec.training.pace import Pace
from ganspec.training.retention import Retention
from ganspec.training.stop import Stop, say

FLUSH_STEPS = 50  # steps between two writes of the log, or fewer after FLUSH_SECONDS
FLUSH_SECONDS = 2.0
CHECKPOINT_SECONDS = 300.0  # between checkpoints within an epoch
TOGETHER_SECONDS = 60.0  # the same with several processes, any of which may be lost
EPOCH_SECONDS = 20.0  # between checkpoints at epochs' ends
NOTE_SECONDS = 30.0  # between notes of the pace in `run.json`

OnFlush: TypeAlias = Callable[[int, dict[str, float]], None]  # the step, and its losses


class TrainingError(GanspecError):
    """Raised when losses or weights are not finite. The message names the step and the weights."""


@dataclass
class Limits:
    """The end of a training: the step `last`, a request to stop, or `minutes` after its start.

    All `ranks` end after the same step. `asked` is True once all know of a request to stop. With
    `announces`, a message is printed then; a single process prints one earlier, in `Stop`.
    """

    last: int
    stop: Stop
    minutes: float | None = None
    ranks: Ranks = field(default_factory=Ranks)
    deadline: float = math.inf
    asked: bool = False
    announces: bool = False

    def start(self) -> None:
        """Begin to count the minutes. Call this right before the first step, after all imports."""
        if self.minutes is not None:
            self.deadline = time.monotonic() + 60 * self.minutes

    def reached(self, step: int) -> bool:
        """Return True if the training ends after `step`. All ranks call this at the same time."""
        late = time.monotonic() > self.deadline
        before = self.asked
        self.asked, late = self.ranks.any(self.stop.asked, late)
        if self.announces and self.asked and not before:
            say("a signal came: stopping after this step, with a checkpoint")
        return step >= self.last or self.asked or late


class LossRecorder:
    """A buffer of losses on the device, written every FLUSH_STEPS steps or FLUSH_SECONDS.

    After each write it calls `on_flush`.
    """

    def __init__(self, training: Training, run: Run, on_flush: OnFlush):
        self.training, self.run, self.on_flush = training, run, on_flush
        self.pending: list[tuple[int, dict[str, torch.Tensor]]] = []
        self.flushed = self.noted = time.perf_counter()
        self.pace = Pace(training)
        self.last: dict[str, float] = {}

    def add(self, losses: dict[str, torch.Tensor]) -> None:
        """Buffer a step's losses, and write the buffer if it is time."""
        self.pending.append((self.training.step, losses))
        waited = time.perf_counter() - self.flushed
        if len(self.pending) >= FLUSH_STEPS or waited > FLUSH_SECONDS:
            self.flush()

    def flush(self) -> None:
        """Write the buffered losses.

        Raises TrainingError if a loss is not finite, and RunError if the run's folder was deleted
        or moved.
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
        self.last = {**self.last, **rows[-1]}  # keep measurements of the last epoch's end
        bad = next((row for row in rows if row not in finite), None)
        if bad:
            name = next(key for key, value in bad.items() if not math.isfinite(value))
            raise TrainingError(
                f"{name} became {bad[name]} at step {bad['step']}; first weights that are not "
                f"finite: {self.training.culprit() or 'none yet'}"
            )
        self.on_flush(self.training.step, self.last)

    def advance(self) -> dict[str, torch.Tensor]:
        """Make one training step. Return its losses by name.

        Raises TrainingError for an error that follows from losses or weights that are not finite.
        """
        try:
            return self.training.make_step()
        except RuntimeError as error:
            self.flush()
            if culprit := self.training.culprit():
                reason = f"{one_line(error)}, at step {self.training.step}"
                message = f"{reason}; first weights that are not finite: {culprit}"
                raise TrainingError(message) from error
            raise

    def note(self) -> None:
        """Write the pace into `run.json`."""
        self.run.note(**self.pace.figures())
        self.noted = time.perf_counter()

    def save(self) -> None:
        """Write the buffered losses and a checkpoint.

        Raises TrainingError if a loss or a weight is not finite.
        """
        self.flush()
        if culprit := self.training.culprit():  # keep the last good checkpoint
            step = self.training.step
            raise TrainingError(f"weights are not finite after step {step}: {culprit}")
        # first, so that a power cut cannot leave a log that ends before its checkpoint
        self.run.loss_log.sync()
        checkpoint.save(self.run.checkpoint_path, self.training.state())
        self.note()


def measures(training: Training) -> dict[str, torch.Tensor]:
    """Return measurements on held-out images, which all ranks make together."""
    with training.ranks.together():
        return training.measures()


def run_silently(training: Training, limits: Limits) -> None:
    """Make the same steps as `Loop.run_to_end`, on a rank that writes nothing."""
    goes_on = not limits.reached(training.step)
    limits.start()
    while goes_on:
        training.make_step()
        if training.ends_epoch() or (limits.reached(training.step) and not limits.asked):
            measures(training)
        goes_on = not limits.reached(training.step)


def load_plotting() -> Callable[..., None]:
    """Return the function that plots losses. The first call imports matplotlib, which is slow."""
    from ganspec.plots.losses import plot_losses

    return plot_losses


class LossPlot:
    """The plot of a run's losses, and how far it has read the log."""

    def __init__(self, training: Training, run: Run, claims: Report):
        self.run = run
        self.epochs = Epochs(training.epoch_steps, training.warmup)
        self.claims = claims.log_columns(self.epochs)
        self.log, self.read = ThinnedLog(), 0  # bytes of the log

    def write(self) -> None:
        """Write the plot, after reading the lines that are new since the last call."""
        for rows, end in self.run.loss_log.chunks(self.read):
            self.log.add(rows)
            self.read = end
        load_plotting()(self.log.columns(), self.run.losses_path, self.epochs, self.claims)


class Loop:
    """Makes training steps, and writes the log, pictures, checkpoints and scores of the run.

    The plot of losses has those of the report `claims`, too. `on_flush` is called after each write
    of the log.
    """

    def __init__(
        self, training: Training, run: Run, limits: Limits, claims: Report, on_flush: OnFlush
    ):
        self.training, self.run, self.limits = training, run, limits
        self.recorder = LossRecorder(training, run, on_flush)
        self.plot, self.retention = LossPlot(training, run, claims), Retention(training, run)
        self.saved = time.perf_counter()  # time of the last checkpoint
        self.spacing = CHECKPOINT_SECONDS
        if training.ranks.count > 1:  # the first checkpoint is of the first step
            self.saved, self.spacing = -math.inf, TOGETHER_SECONDS
        self.saved_step: int | None = None

    def run_to_end(self) -> bool:
        """Train until `limits` are reached. Return False if a signal ended the last scoring.

        Raises TrainingError if losses or weights are not finite; the checkpoint on disk is then an
        older one.
        """
        training, limits, pace = self.training, self.limits, self.recorder.pace
        complete = self.score()  # of a resumed step, whose scores a signal may have prevented
        goes_on = not limits.reached(training.step)
        limits.start()
        first = training.step + 1
        while goes_on:
            pace.begin()
            losses = self.recorder.advance()
            pace.end(waited=False)
            ended = training.ends_epoch()
            # no measurements after a signal: an uninterrupted run has none at this step
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
        return complete

    def keep(self, ended: bool) -> None:
        """Write a checkpoint if it is due; first a picture and a snapshot, if an epoch `ended`."""
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
        """Write a picture of the present step, unless there is one."""
        self.recorder.flush()
        path = self.run.samples_path(self.training.step)
        if not path.exists():
            self.training.picture(path)

    def score(self) -> bool:
        """Measure scores if they are due. Return False if a signal ended them."""
        scoring = self.training.scoring
        if scoring is None or not (self.training.ends_epoch() and scoring.due()):
            return True
        complete = scoring(lambda: self.limits.stop.asked)
        self.retention.thin()  # snapshots that were kept for being the best until now
        self.recorder.pace.restart()
        return complete

    def save(self) -> None:
        """Write a checkpoint and the plot of losses, and delete superseded pictures and weights."""
        self.recorder.save()
        self.retention.thin()
        self.plot.write()
        self.saved, self.saved_step = time.perf_counter(), self.training.step
