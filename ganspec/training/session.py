"""From a spec and a folder of images to a run: begun, or gone on with."""

from __future__ import annotations

import ctypes
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
from ganspec.datasets.dataset import DataError
from ganspec.evaluation.score_file import forget_scores
from ganspec.language.spec import Spec
from ganspec.language.supervised import Autoencoder
from ganspec.language.system import System
from ganspec.training import checkpoint
from ganspec.training.adversarial import AdversarialTrainer
from ganspec.training.events import following, require_tensorboard
from ganspec.training.images import class_names, open_images, open_test_images
from ganspec.training.loop import run_training
from ganspec.training.run import Run, RunError, differences
from ganspec.training.supervised import AutoencoderTrainer, ClassifierTrainer
from ganspec.training.trainer import Scoring, Trainer


def choose_device(name: str) -> torch.device:
    """`auto` is the first GPU where there is one, else the CPU; raises RunError."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name not in ("cpu", "cuda"):
        raise RunError(f"no device is called `{name}`: use auto, cpu or cuda")
    if name == "cuda" and not torch.cuda.is_available():
        raise RunError("torch sees no GPU here: use --device cpu")
    return torch.device(name)


def train(
    spec: System,
    out: Path | str | None = None,
    data: Path | str | None = None,
    device: str = "auto",
    steps: int | None = None,
    minutes: float | None = None,
    resume: bool = False,
    overwrite: bool = False,
    progress: Callable[[int, int, dict[str, float]], None] | None = None,
    tensorboard: bool = False,
) -> Run:
    """Train `spec` into the run folder `out` (`runs/NAME` by default).

    `data` is the folder of the real images, `steps` the iteration to end at in place of the
    spec's epochs, `minutes` the time to end after if that comes first. `progress` is told step,
    last step and losses a few times a second at most. `tensorboard` asks for event files in the
    run's folder, too. Ctrl-C ends after the current step, with a checkpoint. Raises SpecError,
    RunError, DataError, CheckpointError, EventsError, or TrainingError where a loss is not finite.
    """
    if tensorboard:
        require_tensorboard()
    run = Run(Path(out) if out else Path("runs") / spec.name)
    state = _resumed(run, spec) if resume else None
    if state is None:
        run.claim(overwrite)
    source = emit(spec)
    trainer = _trainer(spec, Path(data) if data else None, choose_device(device))
    last = steps or trainer.warmup + spec.train.epochs * trainer.epoch_steps
    trainer.scoring = _scoring(spec, Path(data) if data else None, trainer, run)
    tell = progress or (lambda step, last, losses: None)
    try:
        if state is None:
            info = {**environment(trainer.device), "epoch_steps": trainer.epoch_steps}
            if getattr(spec, "condition", None) is not None:  # so that they can be asked for
                info["classes"] = class_names(spec.data, Path(data) if data else None)
            run.begin(spec, source, info, overwrite)
        else:
            _restore(run, trainer, state, last)
        follow = following(run) if tensorboard else nullcontext(lambda: None)
        with follow as update:
            _advance(trainer, run, last, minutes, lambda *told: (tell(*told), update()))
    finally:
        run.release()
    return run


def _advance(trainer: Trainer, run: Run, last: int, minutes: float | None, tell: Callable) -> None:
    """Train to step `last`, or as long as it may; note how it ended."""
    with interruptible(minutes) as stop:
        run_training(trainer, run, last, stop, lambda step, losses: tell(step, last, losses))
        run.interrupted = stop.asked
    run.step = trainer.step


def _scoring(spec: System, data: Path | None, trainer: Trainer, run: Run) -> Scoring | None:
    """What takes the scores of the spec's `evaluate`."""
    if spec.evaluate is None:
        return None
    from ganspec.evaluation.periodic import Periodic  # which scipy makes slow to import

    return Periodic(spec, data, trainer, run)


def _restore(run: Run, trainer: Trainer, state: dict[str, object], last: int) -> None:
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
    forget_scores(run.folder, trainer.step)


def _trainer(spec: System, data: Path | None, device: torch.device) -> Trainer:
    """A trainer with the spec's images at hand; nothing is written yet."""
    prepare(device)
    images, labels = open_images(spec.data, data, device)
    seed = spec.train.seed
    try:
        if isinstance(spec, Spec):
            return AdversarialTrainer(spec, images, labels, device, seed)
        held_out = open_test_images(spec.data, data, device)
        if isinstance(spec, Autoencoder):
            return AutoencoderTrainer(spec, images, labels, held_out, device, seed)
        names = class_names(spec.data, data)
        return ClassifierTrainer(spec, images, labels, held_out, device, seed, names)
    except ValueError as error:
        raise DataError(f"{error}: set a smaller `train: {{batch: ...}}`") from error


def _resumed(run: Run, spec: System) -> dict[str, object]:
    """The checkpoint of a run that trains the same spec."""
    stored = Run.open(run.folder).spec
    if changed := differences(stored, spec):
        raise RunError(
            f"{run.folder} trains another spec ({', '.join(changed)} differ): "
            f"resume {run.spec_path}, or choose another --out"
        )
    if not run.checkpoint_path.is_file():
        raise RunError(f"{run.folder} ended before its first checkpoint: begin with --overwrite")
    return checkpoint.load(run.checkpoint_path)


def prepare(device: torch.device) -> None:
    """Make the same seed give the same bytes on `device`, and memory cheap to have again."""
    if device.type == "cuda":
        # of cuDNN's algorithms, only some add in the same order every time
        torch.backends.cudnn.deterministic = True
        torch.backends.cudnn.benchmark = False
    elif sys.platform == "linux":
        keep_freed_memory()


def keep_freed_memory() -> None:
    """Let glibc keep what a step frees for the next one: 10 to 30 % of a CPU step.

    By default it hands large blocks back to the system and takes the page faults again.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):  # another C library
        return
    threshold, trim = -3, -1  # M_MMAP_THRESHOLD, M_TRIM_THRESHOLD of malloc.h
    mallopt(threshold, 1 << 30)
    mallopt(trim, (1 << 31) - 1)


def environment(device: torch.device) -> dict[str, object]:
    """What the run's numbers depend on besides the spec."""
    from ganspec import __version__

    hardware = torch.cuda.get_device_name(device) if device.type == "cuda" else platform.machine()
    return {
        "ganspec": __version__,
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
