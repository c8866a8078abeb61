"""Train a spec on real images into a run folder: start a run, or resume one."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias

from ganspec.compiler.emit import emit
from ganspec.kinds.datasets.image_files import Listing, Skipped
from ganspec.progress import Progress
from ganspec.runs.image_record import note_skipped, read_images, write_images
from ganspec.runs.run import Run
from ganspec.systems.checkpoint import State
from ganspec.systems.feed import StreamedImages
from ganspec.systems.ranks import Ranks
from ganspec.systems.spec import Spec
from ganspec.systems.training import Images, Scoring, Training
from ganspec.systems.unread import refuse_unread
from ganspec.training.choosing import Choice
from ganspec.training.device import environment
from ganspec.training.images import open_together
from ganspec.training.limits import Limits
from ganspec.training.loop import Loop, OnFlush, run_silently
from ganspec.training.making import choose_for, make_training, request_of
from ganspec.training.options import TrainingOptions, named_path
from ganspec.training.processes import is_restarted, joined, launch_name, told_once
from ganspec.training.resuming import can_resume, restore, saved_state
from ganspec.training.sharing import require_same_start
from ganspec.training.stop import stop_requests
from ganspec.training.tracking import following, require_trackers

CALL_SECONDS = 0.2  # least time between two calls of the function that shows the progress

ScoringFactory: TypeAlias = Callable[[Spec, Path | None, Training, Run], Scoring | None]


def train(
    spec: Spec, out: Path | str | None, options: TrainingOptions, scoring: ScoringFactory | None
) -> Run:
    """Train `spec` into the folder `out`; None is `runs/NAME`. Return the run.

    `scoring` is None if the spec has no section `evaluate`. Otherwise it returns an object that
    measures the scores, or on other ranks helps to do so, or None if no score can be measured.
    """
    refuse_unread(spec)
    run = Run(named_path("out", out) or Path("runs") / spec.name)
    data = named_path("data", options.data)
    require_trackers(options.trackers)
    with joined(options.device) as ranks, told_once(ranks, run):
        _train(spec, run, data, _after_restart(options, run), scoring, ranks)
    return run


def _train(
    spec: Spec,
    run: Run,
    data: Path | None,
    options: TrainingOptions,
    scoring: ScoringFactory | None,
    ranks: Ranks,
) -> None:
    """Train `spec` on this rank. Only the first rank writes the run."""
    images: Images | None = None
    try:
        with ranks.agreed():
            begun = _begin(run, spec, options) if ranks.is_first else None
            source = emit(spec) if begun and begun.state is None else ""
        begun = ranks.from_first(begun)
        assert begun is not None
        options = replace(options, exact=begun.exact)
        with ranks.agreed():
            request = request_of(run, begun.state, options, ranks)
        images = open_together(spec, data, request.device, begun.listing, ranks)
        images = replace(images, names=tuple(begun.class_names) or images.names)
        with ranks.agreed():
            choice = choose_for(spec, images, request, options, ranks)
            training = make_training(spec, images, choice.execution, options)
            last = options.steps or training.warmup + spec.train.epochs * training.epoch_steps
            if scoring:
                training.scoring = scoring(spec, data, training, run)
        require_same_start(training, images, ranks)
        # a new run writes nothing before this block, in which a signal ends it with a checkpoint
        with stop_requests(quiet=options.progress is not True or ranks.count > 1) as stop:
            with ranks.agreed():
                if ranks.is_first:
                    info = _info(spec, training, images, choice)
                    if begun.state is None:
                        run.begin(spec, source, info, options.overwrite)
                    else:
                        restore(run, spec, training, info, begun.state, last)
                    _record(run, training, images, is_listed=begun.listing is not None)
                elif begun.state:
                    training.restore(begun.state, run.folder)
            _advance(spec, training, run, Limits(last, stop, options.minutes, ranks), options)
    finally:
        if images and isinstance(images.images, StreamedImages):
            images.images.close()
        run.release()


@dataclass(frozen=True)
class Beginning:
    """The state that a training starts from, on all ranks.

    `state` is the checkpoint of a resumed run, and `listing` its images, None if they are not those
    of an `image_folder`. Both are None for a new run. `exact` is True if modules run without
    rewrites. `class_names` are those that a resumed run began with; its folder may have new ones.
    """

    state: State | None
    exact: bool
    listing: Listing | None
    class_names: list[str]


def _begin(run: Run, spec: Spec, options: TrainingOptions) -> Beginning:
    """Return the state that a training starts from. If a run is to be resumed, lock it.

    Raises what `saved_state` raises, and RunError if a new run cannot begin in the folder, or if
    the list of a resumed run's images is damaged.
    """
    state = saved_state(run, spec, options.exact) if options.resume else None
    if state is None:
        run.require_free(options.overwrite, not options.overwrite and can_resume(run, spec))
        return Beginning(None, options.exact, None, [])
    return Beginning(state, state["exact"], read_images(run.folder), run.class_names)


def _after_restart(options: TrainingOptions, run: Run) -> TrainingOptions:
    """Return `options`, changed to go on with `run` if torchrun has started the processes again.

    A run without a checkpoint then begins again.
    """
    if not is_restarted(run):
        return options
    has_state = run.checkpoint_path.is_file()
    return replace(options, resume=has_state, overwrite=not has_state)


def _info(spec: Spec, training: Training, images: Images, choice: Choice) -> dict[str, object]:
    """Return the entries of `run.json` that a new run has at its start, without those of kinds."""
    info = {**environment(training.device), "exact": training.exact, **choice.record()}
    if launch_name():
        info["processes"] = training.ranks.count
    info["epoch_steps"] = training.epoch_steps
    if images.names:
        info["classes"] = list(images.names)
    if sha256 := images.sha256:
        info["images_sha256"] = sha256
    return info


def _record(run: Run, training: Training, images: Images, is_listed: bool) -> None:
    """Note in the run which images it trains on, which it skips, and the launch by torchrun.

    `is_listed` is True if the run has its list of images already. If a worker finds later that a
    streamed image is unreadable, it is noted then.
    """
    if images.files and is_listed:
        note_skipped(run.folder, images.files.skipped, training.step)
    elif images.files:
        write_images(run.folder, images.files)

    def notice(skipped: list[Skipped]) -> None:
        note_skipped(run.folder, skipped, training.step)

    if isinstance(training.batches.images, StreamedImages):
        training.batches.images.notice = notice
    if launch := launch_name():
        run.note(launch=launch)


def _advance(
    spec: Spec, training: Training, run: Run, limits: Limits, options: TrainingOptions
) -> None:
    """Train until `limits` are reached. Set `run.step` and `run.interrupted`."""
    if not training.ranks.from_first(training.scoring is not None):
        training.scoring = None  # the first rank measures no scores, so this one need not help
    if not training.ranks.is_first:
        run_silently(training, limits)
        run.step, run.interrupted = training.step, limits.asked and training.step < limits.last
        return
    limits.announces = options.progress is True and training.ranks.count > 1
    bar = Progress(spec.name, seconds=limits.minutes and 60 * limits.minutes)
    with following(run, spec, options.trackers) as update, bar:
        call = options.progress if callable(options.progress) else bar
        often = Throttle(lambda step, losses: call(step, limits.last, losses))

        def report(step: int, losses: dict[str, float]) -> None:
            often(step, losses)
            update()

        try:
            complete = Loop(training, run, limits, spec.report, report).run_to_end()
        except FileNotFoundError:  # of any file, if the run's folder was deleted
            run.require_present()
            raise
        often.finish()
    run.step = training.step
    run.interrupted = limits.is_asked and not (complete and run.step >= limits.last)


class Throttle:
    """A function that passes its calls on to `call`, at most one every CALL_SECONDS.

    A call that comes sooner waits, and the next one replaces it. `finish` passes on the last.
    """

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
        """Pass on the call that waits, if one does."""
        if self.waiting is not None:
            self.call(*self.waiting)
            self.waiting = None
