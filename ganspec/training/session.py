"""Train a spec on real images into a run folder: start a run, or resume one."""

from __future__ import annotations

import math
import platform
import sys
import time
import warnings
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import torch

from ganspec.compiler.emit import emit
from ganspec.kinds.datasets.image_files import ImageFiles, Listing, Skipped
from ganspec.language.errors import GanspecError, UnshownError
from ganspec.progress import Progress
from ganspec.runs.image_record import note_skipped, read_images, rewind_skipped, write_images
from ganspec.runs.run import Run, RunError, differences
from ganspec.runs.score_file import forget_scores
from ganspec.systems import checkpoint
from ganspec.systems.checkpoint import State
from ganspec.systems.feed import StreamedImages
from ganspec.systems.ranks import RankLostError, Ranks
from ganspec.systems.spec import Spec
from ganspec.systems.training import Images, Scoring, Training
from ganspec.systems.unread import refuse_unread
from ganspec.training.device import choose_device
from ganspec.training.events import following, require_tensorboard
from ganspec.training.images import open_all
from ganspec.training.loop import Limits, Loop, OnFlush, follow
from ganspec.training.processes import (
    after_restart,
    is_restarted_after_loss,
    joined,
    launch_name,
)
from ganspec.training.sharing import fingerprint
from ganspec.training.stop import stop_requests
from ganspec.training.trainer import Trainer
from ganspec.version import VERSION

CALL_SECONDS = 0.2  # between two calls of the user's function

OnProgress: TypeAlias = Callable[[int, int, dict[str, float]], None]
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
    progress: OnProgress | bool | None = True
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
    if options.tensorboard:
        require_tensorboard()
    with joined(options.device) as ranks:
        session = Session(spec, run, after_restart(options, run), ranks)
        try:
            session.train(scoring)
        except RankLostError:
            if ranks.is_first:
                raise RunError(_loss(run, session.step)) from None
            raise UnshownError("another process of the training was lost") from None
        except GanspecError as error:
            if ranks.is_first or isinstance(error, UnshownError):
                raise
            raise RunError(f"on rank {ranks.index}: {error}") from error
        finally:
            session.close()
    return run


def _loss(run: Run, step: int) -> str:
    """Return a message about a lost process, and how the training goes on."""
    message = f"another process of the training was lost at step {step}"
    if is_restarted_after_loss():
        return f"{message}: all are started again"
    if run.checkpoint_path.is_file():
        return f"{message}: go on from the last checkpoint with --resume"
    return f"{message}, before the first checkpoint: begin again with --overwrite"


@dataclass(frozen=True)
class Beginning:
    """What the first rank reads from a run before the others open their images.

    `state` and `listing` are the checkpoint and the images of a run that is resumed.
    """

    state: State | None
    exact: bool
    listing: Listing | None


class Session:
    """One training into a run. All ranks go through it; the first one reads and writes the run."""

    def __init__(self, spec: Spec, run: Run, options: TrainingOptions, ranks: Ranks):
        self.spec, self.run, self.options, self.ranks = spec, run, options, ranks
        self.data = Path(options.data) if options.data else None
        self.images: Images | None = None
        self.step = 0

    def train(self, scoring: ScoringFactory | None) -> None:
        """Train until the limits of the options are reached."""
        options, ranks, run = self.options, self.ranks, self.run
        with ranks.agreed():
            begun = self._begin() if ranks.is_first else None
            source = emit(self.spec) if begun and begun.state is None else ""
        begun = ranks.from_first(begun)
        assert begun is not None
        images = self._open(begun.listing)
        with ranks.agreed():
            trainer = Trainer(self.spec, images, options.device, begun.exact, options.steps)
            training = trainer.training
            last = options.steps or training.warmup + self.spec.train.epochs * training.epoch_steps
            if scoring and ranks.is_first:
                training.scoring = scoring(self.spec, self.data, training, run)
        self._compare(training, images)
        # from the first write on, a signal ends the run with a checkpoint
        quiet, alone = options.progress is not True, ranks.count == 1
        with stop_requests(quiet or not alone) as stop:
            announces = ranks.is_first and not (quiet or alone)
            limits = Limits(last, stop, options.minutes, ranks, announces=announces)
            with ranks.agreed():
                if ranks.is_first:
                    self._claim(training, begun, source, last)
                elif begun.state:
                    training.restore(begun.state, run.folder)
            try:
                if ranks.is_first:
                    _advance(self.spec, training, run, limits, options)
                else:
                    follow(training, limits)
            except RankLostError:
                self.step = training.step
                raise
            if not ranks.is_first:
                run.step, run.interrupted = training.step, limits.asked and training.step < last

    def _begin(self) -> Beginning:
        """Lock the run's folder. Return what it holds of a training that goes on."""
        options, run = self.options, self.run
        state = _saved_state(run, self.spec, options.exact) if options.resume else None
        if state is None:
            run.claim(options.overwrite, run.is_resumable(self.spec))
            return Beginning(None, options.exact, None)
        return Beginning(state, state.get("exact", run.exact), read_images(run.folder))

    def _open(self, listing: Listing | None) -> Images:
        """Open the images: the first rank before the others, which find its caches.

        It also decides whether images are streamed, by the memory for all processes of a machine.
        """
        ranks, device = self.ranks, choose_device(self.options.device)
        streamed: bool | None = None
        for turn in ("first", "others")[: ranks.count]:
            with ranks.agreed():
                if ranks.is_first == (turn == "first"):
                    self.images = open_all(self.spec, self.data, device, listing, streamed)
            images = self.images and self.images.images
            streamed = ranks.from_first(isinstance(images, StreamedImages))
        assert self.images is not None
        return self.images

    def _compare(self, training: Training, images: Images) -> None:
        """Raise GanspecError if a rank has another spec, other images or other weights."""
        if self.ranks.count == 1:
            return
        weights = {key: fingerprint(net) for key, net in training.networks.items()}
        known = {"images": images.sha256 or len(images.images), "initial weights": weights}
        self.ranks.require_equal({"values in its spec": training.identity, **known})

    def _claim(self, training: Training, begun: Beginning, source: str, last: int) -> None:
        """Begin the run, or restore its checkpoint."""
        run, images = self.run, self.images
        assert images is not None
        if begun.state is None:
            info = _info(self.spec, training, images, begun.exact)
            run.begin(self.spec, source, info, self.options.overwrite)
        else:
            _check_images(run, images)
            _restore(run, self.spec, training, begun.state, last)
        if images.files:
            _record_images(run, training, images.files, is_listed=begun.listing is not None)
        if launch := launch_name():
            run.note(processes=self.ranks.count, launch=launch)

    def close(self) -> None:
        """End processes that read images, and unlock the run's folder."""
        if self.images and isinstance(self.images.images, StreamedImages):
            self.images.images.close()
        self.run.release()


def _info(spec: Spec, training: Training, images: Images, exact: bool) -> dict[str, object]:
    """Return the entries of `run.json` that a run begins with."""
    info = {**environment(training.device), "exact": exact, "epoch_steps": training.epoch_steps}
    if spec.takes_labels and spec.labelled:  # `ganspec sample --label` reads their names
        info["classes"] = list(images.names)
    return info | _hashes(images)


def _hashes(images: Images) -> dict[str, object]:
    """Return the entry of `run.json` that tells a run's images, unless each has a file."""
    sha256 = images.sha256
    return {"images_sha256": sha256} if sha256 else {}


def _check_images(run: Run, images: Images) -> None:
    """Raise RunError if `run` began with other images, or with other labels."""
    info = run.info()
    for key, sha256 in _hashes(images).items():
        if info.get(key, sha256) != sha256:  # an older ganspec did not note it
            message = f"{run.folder} began with other images or labels"
            raise RunError(f"{message}: name their folder with --data")


def _record_images(run: Run, training: Training, files: ImageFiles, is_listed: bool) -> None:
    """List the images in the run, unless they are, and note files that others replace."""
    if is_listed:
        note_skipped(run.folder, files.skipped, training.step)
    else:
        write_images(run.folder, files)

    def notice(skipped: list[Skipped]) -> None:
        note_skipped(run.folder, skipped, training.step)

    if isinstance(training.batches.images, StreamedImages):
        training.batches.images.notice = notice


def _advance(
    spec: Spec, training: Training, run: Run, limits: Limits, options: TrainingOptions
) -> None:
    """Train until `limits` are reached. Set `step` and `interrupted` of `run`."""
    events = following(run) if options.tensorboard else nullcontext(lambda: None)
    bar = Progress(spec.name, seconds=limits.minutes and 60 * limits.minutes)
    with events as update, bar:
        call = options.progress if callable(options.progress) else bar
        often = Throttle(lambda step, losses: call(step, limits.last, losses))

        def report(step: int, losses: dict[str, float]) -> None:
            often(step, losses)
            update()

        try:
            complete = Loop(training, run, limits, spec.report, report).run_to_end()
        except FileNotFoundError:  # of any file, if the folder is gone
            run.require()
            raise
        often.finish()
    run.step = training.step
    run.interrupted = limits.stop.asked and not (complete and run.step >= limits.last)


class Throttle:
    """Passes on calls, at most one every CALL_SECONDS, and at the end the last one."""

    def __init__(self, call: OnFlush):
        self.call, self.called = call, -math.inf
        self.waiting: tuple[int, dict[str, float]] | None = None

    def __call__(self, step: int, losses: dict[str, float]) -> None:
        now = time.monotonic()
        self.waiting = (step, losses)
        if now - self.called >= CALL_SECONDS:
            self.called = now
            self.finish()

    def finish(self) -> None:
        """Pass on the last call, unless that was done."""
        if self.waiting is not None:
            self.call(*self.waiting)
            self.waiting = None


def _restore(run: Run, spec: Spec, training: Training, state: State, last: int) -> None:
    """Restore a run's checkpoint, and remove its files and scores of later steps.

    Raises RunError if step `last` has been reached already, and nothing is left to write.
    """
    training.restore(state, run.folder)
    step, began, now = training.step, state.get("device"), training.device.type
    scoring = training.scoring
    lacks_scores = scoring and training.ends_epoch() and scoring.due() and not scoring.is_done()
    is_complete = run.is_complete(step) and not lacks_scores
    if step > last or (step == last and is_complete):
        raise RunError(f"{run.folder} is at step {step} already: ask for more than {last}")
    if began != now:
        message = f"the run began on {began}: on {now} its random numbers are others from here on"
        warnings.warn(message, stacklevel=2)
    run.rewind(step)
    rewind_skipped(run.folder, step)
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
