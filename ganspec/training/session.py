"""From a spec and a folder of images to a run: begun, or gone on with."""

from __future__ import annotations

import math
import platform
import signal
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import torch

from ganspec.compiler.emit import emit
from ganspec.runs.run import Run, RunError, differences
from ganspec.runs.score_file import forget_scores
from ganspec.systems import checkpoint
from ganspec.systems.spec import Spec
from ganspec.systems.training import Scoring, Training
from ganspec.training.events import following, require_tensorboard
from ganspec.training.images import class_names
from ganspec.training.loop import run_training
from ganspec.training.trainer import Trainer
from ganspec.version import VERSION


def train(
    spec: Spec,
    out: Path | str | None = None,
    data: Path | str | None = None,
    device: str = "auto",
    steps: int | None = None,
    minutes: float | None = None,
    resume: bool = False,
    overwrite: bool = False,
    progress: Callable[[int, int, dict[str, float]], None] | None = None,
    tensorboard: bool = False,
    exact: bool = False,
    scoring: Callable[[Spec, Path | None, Training, Run], Scoring] | None = None,
) -> Run:
    """Train `spec` into the run folder `out` (`runs/NAME` by default).

    `data` is the folder of the real images, `steps` the iteration to end at in place of the
    spec's epochs, `minutes` the time to end after if that comes first. `progress` is told step,
    last step and losses a few times a second at most. `tensorboard` asks for event files in the
    run's folder, too. `exact` applies every module as it is, so that results equal the emitted
    file's bit for bit. `scoring` takes the scores that the spec's `evaluate` asks for. Ctrl-C ends
    after the current step, with a checkpoint. Raises SpecError, RunError, DataError,
    CheckpointError, EventsError, or TrainingError where a loss is not finite.
    """
    if tensorboard:
        require_tensorboard()
    run, folder = Run(Path(out or Path("runs") / spec.name)), Path(data) if data else None
    state = _resumed(run, spec, exact) if resume else None
    if state is None:
        run.claim(overwrite)
    exact, source = state.get("exact", run.exact) if state else exact, emit(spec)
    trainer = Trainer(spec, data, device, exact).training
    last = steps or trainer.warmup + spec.train.epochs * trainer.epoch_steps
    if spec.evaluate and scoring:
        trainer.scoring = scoring(spec, folder, trainer, run)
    try:
        if state is None:
            run.begin(spec, source, _info(spec, trainer, exact, folder), overwrite)
        else:
            _restore(run, spec, trainer, state, last)
        with following(run) if tensorboard else nullcontext(lambda: None) as update:
            _advance(trainer, run, last, minutes, progress, update)
    finally:
        run.release()
    return run


def _info(spec: Spec, trainer: Training, exact: bool, data: Path | None) -> dict[str, object]:
    """Return what a new run says of itself."""
    info = {**environment(trainer.device), "exact": exact, "epoch_steps": trainer.epoch_steps}
    if spec.takes_labels and spec.labelled:  # so that they can be asked for
        info["classes"] = class_names(spec.data, data)
    return info


def _advance(
    trainer: Training,
    run: Run,
    last: int,
    minutes: float | None,
    progress: Callable[[int, int, dict[str, float]], None] | None,
    update: Callable[[], None],
) -> None:
    """Train to step `last`, or as long as it may; note how it ended."""

    def tell(step: int, losses: dict[str, float]) -> None:
        if progress:
            progress(step, last, losses)
        update()

    with interruptible(minutes) as stop:
        run_training(trainer, run, last, stop, tell)
        run.interrupted = stop.asked
    run.step = trainer.step


def _restore(run: Run, spec: Spec, trainer: Training, state: dict[str, object], last: int) -> None:
    """Put `trainer` where the run's checkpoint left off."""
    run.lock()
    trainer.restore(state)
    if trainer.step >= last:
        raise RunError(f"{run.folder} is at step {trainer.step} already: ask for more than {last}")
    if state.get("device") != trainer.device.type:
        began, now = state.get("device"), trainer.device.type
        message = f"the run began on {began}: on {now} its random numbers are others from here on"
        warnings.warn(message, stacklevel=2)
    run.rewind(trainer.step)
    if changed := run.changed_kinds(spec):
        parts = [{"name": f.name, "sha256": f.sha256, "from_step": trainer.step} for f in changed]
        run.note(changed_kinds=[*run.info().get("changed_kinds", []), *parts])
    forget_scores(run.folder, trainer.step)


def _resumed(run: Run, spec: Spec, exact: bool) -> dict[str, object]:
    """The checkpoint of a run that trains the same spec."""
    stored = Run.open(run.folder).spec
    if changed := differences(stored, spec):
        raise RunError(
            f"{run.folder} trains another spec ({', '.join(changed)} differ): "
            f"resume {run.spec_path}, or choose another --out"
        )
    if not run.checkpoint_path.is_file():
        raise RunError(f"{run.folder} ended before its first checkpoint: begin with --overwrite")
    state = checkpoint.load(run.checkpoint_path)
    if exact and not state.get("exact", run.exact):
        raise RunError(f"{run.folder} began without --exact: resume it without, or begin another")
    return state


def environment(device: torch.device) -> dict[str, object]:
    """What the run's numbers depend on besides the spec."""
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
    """Whether a training should end: asked to by a signal, or out of time.

    The minutes count from the first time that it is asked, before the first step: so there is one
    step at least, however slow the imports.
    """

    def __init__(self, minutes: float | None):
        self.asked, self.deadline = False, None
        self.seconds = math.inf if minutes is None else 60 * minutes

    def __call__(self) -> bool:
        now = time.monotonic()
        if self.deadline is None:
            self.deadline = now + self.seconds
        return self.asked or now > self.deadline

    def ask(self, number: int, frame: object) -> None:
        """Handle a signal: the first one asks, the second one is meant."""
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True


@contextmanager
def interruptible(minutes: float | None) -> Iterator[Stop]:
    """Within the block, the first Ctrl-C or SIGTERM only asks to stop."""
    stop = Stop(minutes)
    try:
        handled = (signal.SIGINT, signal.SIGTERM)
        before = {number: signal.signal(number, stop.ask) for number in handled}
    except ValueError:  # signals belong to the main thread
        before = {}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
