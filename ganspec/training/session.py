"""Train a spec on real images into a run folder: start a run, or resume one."""

from __future__ import annotations

import math
import platform
import signal
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import TypeAlias

import torch

from ganspec.compiler.emit import emit
from ganspec.runs.run import Run, RunError, differences
from ganspec.runs.score_file import forget_scores
from ganspec.systems import checkpoint
from ganspec.systems.checkpoint import State
from ganspec.systems.spec import Spec
from ganspec.systems.training import Scoring, Training
from ganspec.systems.unread import refuse_unread
from ganspec.training.events import following, require_tensorboard
from ganspec.training.images import class_names
from ganspec.training.loop import run_training
from ganspec.training.trainer import Trainer
from ganspec.version import VERSION

Progress: TypeAlias = Callable[[int, int, dict[str, float]], None]
ScoringFactory: TypeAlias = Callable[[Spec, Path | None, Training, Run], Scoring | None]


@dataclass(frozen=True)
class TrainingOptions:
    """The options of `ganspec.train`, which describes each of them."""

    data: Path | str | None = None
    device: str = "auto"
    steps: int | None = None
    minutes: float | None = None
    resume: bool = False
    overwrite: bool = False
    progress: Progress | None = None
    tensorboard: bool = False
    exact: bool = False


def train(
    spec: Spec, out: Path | str | None, options: TrainingOptions, scoring: ScoringFactory | None
) -> Run:
    """Train `spec` into the folder `out`, as `ganspec.train` does. Return the run.

    `scoring` returns an object that measures the scores of `spec.evaluate`, or None if it cannot;
    it is None without that section.
    """
    refuse_unread(spec)
    run = Run(Path(out) if out else Path("runs") / spec.name)
    data = Path(options.data) if options.data else None
    if options.tensorboard:
        require_tensorboard()
    try:
        state = _saved_state(run, spec, options.exact) if options.resume else None
        if state is None:
            run.claim(options.overwrite, run.is_resumable(spec))
        exact = state.get("exact", run.exact) if state else options.exact
        source = emit(spec)
        training = Trainer(spec, data, options.device, exact).training
        last = options.steps or training.warmup + spec.train.epochs * training.epoch_steps
        if scoring:
            training.scoring = scoring(spec, data, training, run)
        if state is None:
            info = {**environment(training.device), "exact": exact}
            info["epoch_steps"] = training.epoch_steps
            if spec.takes_labels and spec.labelled:  # `ganspec sample --label` reads their names
                info["classes"] = class_names(spec.data, data)
            run.begin(spec, source, info, options.overwrite)
        else:
            _restore(run, spec, training, state, last)
        with following(run) if options.tensorboard else nullcontext(lambda: None) as update:
            _advance(spec, training, run, last, options, update)
    finally:
        run.release()
    return run


def _advance(
    spec: Spec,
    training: Training,
    run: Run,
    last: int,
    options: TrainingOptions,
    update: Callable[[], None],
) -> None:
    """Train to step `last` or for `options.minutes`. Set `step` and `interrupted` of `run`."""

    def report(step: int, losses: dict[str, float]) -> None:
        if options.progress:
            options.progress(step, last, losses)
        update()

    with interruptible(options.minutes) as stop:
        try:
            run_training(training, run, last, stop, report, spec.report)
        except FileNotFoundError:  # of any file, if the folder is gone
            run.require()
            raise
        run.interrupted = stop.asked
    run.step = training.step


def _restore(run: Run, spec: Spec, training: Training, state: State, last: int) -> None:
    """Restore a run's checkpoint, and remove its files and scores of later steps.

    Raises RunError if step `last` has been reached already, and nothing is left to write.
    """
    training.restore(state, run.folder)
    step, began, now = training.step, state.get("device"), training.device.type
    if step > last or (step == last and run.is_complete(step)):
        raise RunError(f"{run.folder} is at step {step} already: ask for more than {last}")
    if began != now:
        message = f"the run began on {began}: on {now} its random numbers are others from here on"
        warnings.warn(message, stacklevel=2)
    run.rewind(step)
    if changed := run.changed_kinds(spec):
        known = run.info().get("changed_kinds")
        entries = [{"name": f.name, "sha256": f.sha256, "from_step": step} for f in changed]
        run.note(changed_kinds=[*(known if isinstance(known, list) else []), *entries])
    forget_scores(run.folder, step)


def _saved_state(run: Run, spec: Spec, exact: bool) -> State:
    """Lock `run` and return its checkpoint.

    Raises RunError if there is nothing to resume, or if it does not fit `spec` or `exact`.
    """
    if run.state() in ("empty", "cut"):
        raise RunError(f"{run.folder} is no run yet: leave out --resume")
    stored = Run.open(run.folder).spec
    if changed := differences(stored, spec):
        raise RunError(
            f"{run.folder} trains another spec ({', '.join(changed)} differ): "
            f"resume {run.spec_path}, or choose another --out"
        )
    if not run.checkpoint_path.is_file():
        raise RunError(f"{run.folder} ended before its first checkpoint: begin with --overwrite")
    run.lock()
    state = checkpoint.load(run.checkpoint_path)
    if exact and not state.get("exact", run.exact):
        raise RunError(f"{run.folder} began without --exact: resume it without, or begin another")
    return state


def environment(device: torch.device) -> dict[str, object]:
    """Return the versions, hardware and command that a run's numbers depend on."""
    hardware = torch.cuda.get_device_name(device) if device.type == "cuda" else platform.machine()
    return {
        "ganspec": VERSION,
        "torch": torch.__version__,
        "python": platform.python_version(),
        "device": device.type,
        "hardware": hardware,
        "threads": torch.get_num_threads(),
        "command": sys.argv,
    }


class Stop:
    """A callable that returns True once a signal has arrived or `minutes` have passed.

    The minutes count from the first call, right before the first step: at least one step is made,
    however slow the imports.
    """

    def __init__(self, minutes: float | None):
        self.asked = False
        self.seconds = math.inf if minutes is None else 60 * minutes
        self.deadline: float | None = None

    def __call__(self) -> bool:
        now = time.monotonic()
        if self.deadline is None:
            self.deadline = now + self.seconds
        return self.asked or now > self.deadline

    def ask(self, number: int, frame: FrameType | None) -> None:
        """End the training: after the current step on the first signal, at once on the next."""
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True


@contextmanager
def interruptible(minutes: float | None) -> Iterator[Stop]:
    """Turn the first Ctrl-C or SIGTERM within the block into a request to stop."""
    stop = Stop(minutes)
    try:
        handled = (signal.SIGINT, signal.SIGTERM)
        before = {number: signal.signal(number, stop.ask) for number in handled}
    except ValueError:  # only the main thread can handle signals
        before = {}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
