"""Resume a run: check that it can go on, restore its checkpoint, and record what is new."""

from __future__ import annotations

import warnings

from ganspec.compiler.emit import emit
from ganspec.runs.image_record import rewind_skipped
from ganspec.runs.run import Run, RunError, difference_of
from ganspec.runs.score_file import forget_scores
from ganspec.systems import checkpoint
from ganspec.systems.checkpoint import CheckpointError, State
from ganspec.systems.spec import Spec
from ganspec.systems.training import Training
from ganspec.training.loop import due_scoring

# entries of `run.json` on which random numbers or the rounding of numbers depend
CONDITIONS = ("device", "hardware", "torch", "threads", "processes")


def saved_state(run: Run, spec: Spec, exact: bool) -> State:
    """Lock `run`, and return its checkpoint.

    Raises what `Run.spec` and `Run.lock` raise, RunError if there is no checkpoint, if the run
    trains another spec than `spec`, or if `exact` is True and the run did not begin with --exact,
    and CheckpointError if the checkpoint cannot be read.
    """
    if run.state() in ("empty", "cut"):
        raise RunError(f"{run.folder} is no run yet: leave out --resume")
    if apart := difference_of(Run.open(run.folder).spec, spec):
        raise RunError(
            f"{run.folder} trains another spec: {apart}; "
            f"name {run.folder} in place of the spec, or choose another --out"
        )
    if not run.checkpoint_path.is_file():
        message = f"{run.folder} ended before its first checkpoint"
        raise RunError(f"{message}: begin again, with --overwrite instead")
    run.lock()
    state = checkpoint.load(run.checkpoint_path)
    with checkpoint.fitting(run.folder):
        began_exact = state["exact"]
    if exact and not began_exact:
        advice = "resume it without --exact, or begin another run"
        raise RunError(f"{run.folder} began without --exact: {advice}")
    return state


def can_resume(run: Run, spec: Spec) -> bool:
    """Return True if the run's folder has a checkpoint with which `spec` can go on."""
    try:
        return run.is_resumable(spec) and bool(checkpoint.load(run.checkpoint_path))
    except CheckpointError:  # it is damaged, or of another version
        return False


def restore(
    run: Run, spec: Spec, training: Training, info: dict[str, object], state: State, last: int
) -> None:
    """Restore a run's checkpoint `state`, and remove the run's files and scores of later steps.

    `info` are the entries of `run.json` that a new run would have. Warn if numbers may differ from
    here on. Raises RunError if the run began with other images, or if nothing is left to do up to
    step `last`. Raises CheckpointError if the state does not fit the training.
    """
    sha256 = info.get("images_sha256")
    if sha256 and run.info().get("images_sha256", sha256) != sha256:
        message = f"{run.folder} began with other images or labels"
        raise RunError(f"{message}: name their folder with --data")
    training.restore(state, run.folder)
    step, before, now = training.step, state["device"], training.device.type
    scoring = due_scoring(training)
    lacks_scores = scoring is not None and not scoring.is_done()
    is_complete = run.is_complete(step) and not lacks_scores
    if step > last or (step == last and is_complete):
        raise RunError(f"{run.folder} is at step {step} already: ask for more than {step} steps")
    if before != now:
        message = f"the run was on {before}: on {now} its random numbers differ from here on"
        warnings.warn(message, stacklevel=2)
    run.renew(spec, emit)
    run.rewind(step)
    rewind_skipped(run.folder, step)
    if not training.ends_epoch():  # an uninterrupted run measures nothing at this step
        run.loss_log.forget_test()
    _note_conditions(run, info, step)
    if changed := run.changed_kinds(spec):
        entries = [{"name": f.name, "sha256": f.sha256, "from_step": step} for f in changed]
        run.note(changed_kinds=[*run.entries("changed_kinds"), *entries])
    forget_scores(run.folder, step)


def _note_conditions(run: Run, info: dict[str, object], step: int) -> None:
    """Note in `run.json` which of CONDITIONS differ from `step` on. Warn if they change numbers.

    `info` has those of this training. If `run.json` is lost, warn, and write it from `info`.
    """
    began, now = {"processes": 1, **run.info()}, {"processes": 1, **info}
    if "device" not in began:
        message = f"{run.info_path} was missing or damaged: it is written anew, as of step {step}"
        warnings.warn(message, stacklevel=3)
        run.note(**{key: value for key, value in info.items() if key != "command"})
        return
    known = run.entries("resumed")
    resumed = [entry for entry in known if entry.get("from_step", step) < step]
    for entry in resumed:
        began |= entry
    new = {key: now[key] for key in CONDITIONS if began.get(key, now[key]) != now[key]}
    # `restore` warns of another device; a GPU adds in one order for any number of threads
    told = {k: v for k, v in new.items() if k != "threads" or now["device"] == "cpu"}
    if told and "device" not in new:
        changes = ", ".join(f"{key} {began[key]} before, {told[key]} now" for key in told)
        message = f"numbers may be rounded differently from here on: {changes}"
        warnings.warn(message, stacklevel=3)
    if new:
        resumed.append({"from_step": step, **new})
    if resumed != known:
        run.note(resumed=resumed)
