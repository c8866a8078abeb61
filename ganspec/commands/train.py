"""`ganspec train`: train a spec into a run folder."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

import ganspec
from ganspec.console import (
    SET_IMAGES,
    DataFolder,
    Device,
    Quiet,
    Settings,
    SpecPath,
    fail,
    reported,
    show_diagnostics,
)
from ganspec.runs.folder import RunError, run_folder
from ganspec.streams import OutputError, is_stdout, is_stream
from ganspec.training.options import TrackerName
from ganspec.training.stop import STATUS, Stop, tell_launcher

if TYPE_CHECKING:
    from ganspec.runs.run import Run
    from ganspec.systems.ranks import Ranks
    from ganspec.systems.spec import Spec

Out = Annotated[
    Path | None, typer.Option(help="Run folder; by default the run that is named, else runs/NAME.")
]
Epochs = Annotated[int | None, typer.Option(min=1, help="Epochs, in place of the spec's.")]
Exact = Annotated[
    bool, typer.Option("--exact", help="Compute as the emitted file does, bit for bit.")
]
Precision = Annotated[
    str | None, typer.Option(help="fp32, tf32, bf16, fp16, or auto: bf16 where it is faster.")
]
SPEEDUPS = "auto (the default), none, or some of channels_last,compile,graphs."
Speedups = Annotated[str | None, typer.Option(help=SPEEDUPS)]
EXAMPLE = "ganspec train specs/dcgan.yaml --epochs 2 --set train.batch=32"

Processes = Annotated[
    int | None, typer.Option(min=1, help="Processes of this machine that share the work.")
]
Restarts = Annotated[
    int, typer.Option(min=0, help="With --processes: times to start again after a process is lost.")
]
Track = Annotated[
    list[TrackerName] | None,
    typer.Option(help="Show the run in a tracker, too; may be repeated."),
]


def train(
    path: SpecPath,
    out: Out = None,
    data: DataFolder = None,
    epochs: Epochs = None,
    steps: Annotated[int | None, typer.Option(min=1, help="Stop after this step instead.")] = None,
    minutes: Annotated[float | None, typer.Option(min=0, help="Stop after this time.")] = None,
    device: Device = "auto",
    seed: Annotated[int | None, typer.Option(min=0, help="Seed, in place of the spec's.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the run.")] = False,
    track: Track = None,
    exact: Exact = False,
    precision: Precision = None,
    speedups: Speedups = None,
    processes: Processes = None,
    max_restarts: Restarts = 0,
    quiet: Quiet = False,
    settings: Settings = None,
) -> None:
    """Train a spec on real images. Ctrl-C ends with a checkpoint; `--resume` goes on from it."""
    _check_options(out, resume, overwrite, epochs, steps)
    pairs = _all_settings(settings or [], epochs=epochs, seed=seed)
    out = out or run_folder(path)
    options: dict[str, Any] = {"data": data, "device": device, "steps": steps, "minutes": minutes}
    options["track"] = track or []
    to_repeat = {**options, "quiet": quiet, "processes": processes, "max-restarts": max_restarts}
    if is_launcher(processes, [path], max_restarts):
        start_training(path, pairs, out, processes or 1, max_restarts)
    # in several processes, `Limits` announces the stop once all of them know of it
    stop = Stop(begun=False, quiet=quiet or "RANK" in os.environ)
    how: dict[str, Any] = {"exact": exact, "precision": precision, "speedups": speedups or "auto"}
    how |= {"resume": resume, "overwrite": overwrite, "progress": not quiet}
    with ended_at_once(), stop, reported(None if resume else SET_IMAGES), ranks_on(device) as ranks:
        with ranks.agreed():
            _check_speedups(speedups, ranks)
            spec = load_with_warnings(path, pairs) if ranks.is_first else ganspec.load(path, pairs)
        try:
            run = ganspec.train(spec, out, **how, **options)
        except KeyboardInterrupt:  # a second Ctrl-C
            show_abort(out or Path("runs") / spec.name, to_repeat)
        if ranks.is_first:
            show_end(run, to_repeat)


def _check_options(
    out: Path | None, resume: bool, overwrite: bool, epochs: int | None, steps: int | None
) -> None:
    if epochs is not None and steps is not None:
        fail("--steps ends the training, whatever --epochs is: choose one")
    if out is not None and is_stdout(out):
        fail(f"--out {out} is no folder, and a run is one: name a folder")
    if resume and overwrite:
        fail("--resume goes on with the run that --overwrite would replace; choose one")


def _check_speedups(speedups: str | None, ranks: Ranks) -> None:
    """Raise RunError if `speedups` is `auto` in several processes, which measure none."""
    if speedups == "auto" and ranks.count > 1:
        message = "several processes measure no speedups: leave out --speedups auto, or name"
        raise RunError(f"{message} channels_last")


def _all_settings(settings: list[str], **short: int | None) -> list[str]:
    """Return `settings` with those of the options `short`, which are fields of `train`.

    Call `fail` if a field is in both.
    """
    keys = {setting.partition("=")[0].strip() for setting in settings}
    given = {name: value for name, value in short.items() if value is not None}
    for name in given:
        if f"train.{name}" in keys:
            fail(f"--{name} and --set train.{name} are the same setting: leave one out")
    return [*settings, *(f"train.{name}={value}" for name, value in given.items())]


def is_launcher(
    processes: int | None, inputs: Sequence[Path | str | None], max_restarts: int = 0
) -> bool:
    """Return True if this process has to start `processes` others, each of which reads `inputs`.

    Return False in a process that torchrun has started. Call `fail` if the options contradict each
    other or torchrun, or if an input is a stream, which only one process can read.
    """
    started = os.environ.get("WORLD_SIZE") if "RANK" in os.environ else None
    if started and processes not in (None, int(started)):
        fail(f"torchrun has started {started} processes: leave out --processes {processes}")
    if started:
        return False
    if max_restarts and processes is None:
        fail("--max-restarts is for several processes: add --processes")
    if processes is None or (processes == 1 and not max_restarts):
        return False
    for name in inputs:
        if name and is_stream(Path(name)):
            fail(f"several processes cannot read {name}: name a file")
    return True


def start_training(
    path: Path, settings: list[str], out: Path | None, processes: int, max_restarts: int
) -> NoReturn:
    """Run this command in several processes. Exit with their status.

    First the spec is loaded here, so that its mistakes are shown once, and not by each process.
    """
    from ganspec.runs.run import Run

    with reported():
        spec = ganspec.load(path, settings)
    start_processes(processes, max_restarts, Run(out or Path("runs") / spec.name))


def start_processes(processes: int, max_restarts: int = 0, run: Run | None = None) -> NoReturn:
    """Run this command in `processes` processes. Exit with their status, or STATUS after a signal.

    `run` is the run that they train, None if they do something else.
    """
    with reported():
        from ganspec.training.launching import launch

        try:
            status = launch(processes, max_restarts, sys.argv[1:], run)
        except KeyboardInterrupt:
            status = STATUS
    raise typer.Exit(status)


def share_out(processes: int | None, inputs: Sequence[Path | str | None]) -> None:
    """Run this command in `processes` processes, then exit.

    Return at once in one of these processes, or if `processes` is None or 1.
    """
    if is_launcher(processes, inputs):
        start_processes(processes or 1)


@contextmanager
def ended_at_once() -> Iterator[None]:
    """After the block, end this process at once if torchrun has started it.

    This is done by `os._exit`: Python's usual end would wait for the process group after an error,
    and may abort after a success, since threads of that group are still running.
    """
    if "RANK" not in os.environ:
        yield
        return
    status = 0
    try:
        yield
    except typer.Exit as end:
        status = end.exit_code
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def ranks_on(device: str) -> AbstractContextManager[Ranks]:
    """Return a context manager that yields the ranks of the processes that torchrun has started.

    Entering it joins these processes, which compute on `device`. Without torchrun, this process is
    the only rank.
    """
    from ganspec.training.processes import joined

    return joined(device)


def load_with_warnings(path: Path, settings: list[str]) -> Spec:
    """Return the spec at `path`, changed by `settings`, after printing the warnings about it."""
    from ganspec.compiler.check import warnings_of

    spec = ganspec.load(path, settings)
    show_diagnostics(warnings_of(spec))
    return spec


def show_end(run: Run, options: Mapping[str, object]) -> None:
    """Print the last step and the paths of the pictures, plots and source to look at.

    If a signal ended the training, print the command that resumes it in place of the paths. Then
    exit with STATUS, unless torchrun started this process. `options` are those to repeat in that
    command.
    """
    if run.interrupted:
        lines = [f"stopped at step {run.step}; go on with: {resuming(run, options)}"]
    else:
        scores, source = run.folder / "scores.png", run.folder / f"{run.spec.name}.py"
        files = [run.latest_samples(), run.losses_path, scores, source]
        lines = [f"trained to step {run.step}; look at:"]
        lines += [f"  {path}" for path in files if path and path.exists()]
    try:
        typer.echo("\n".join(lines))
    except OutputError as error:  # not a failure, as the training has succeeded
        typer.echo(f"warning: {error}", err=True)
    if run.interrupted:
        tell_launcher()
    if run.interrupted and "RANK" not in os.environ:  # torchrun would take STATUS for a failure
        raise typer.Exit(STATUS)


def show_abort(folder: Path, options: Mapping[str, object]) -> NoReturn:
    """Print the command that goes on from the checkpoint in `folder`, if any. Exit with STATUS.

    `options` are those to repeat in that command.
    """
    from ganspec.runs.run import Run

    run = Run(folder)
    if run.checkpoint_path.is_file():
        typer.echo(f"stopped at once; go on from the last checkpoint: {resuming(run, options)}")
    else:
        typer.echo("stopped at once, before the first checkpoint; begin again with --overwrite")
    raise typer.Exit(STATUS)


def resuming(run: Run, options: Mapping[str, object]) -> str:
    """Return the command, quoted for a shell, that resumes `run` with `options` set.

    It names the files of the user's own kinds by --kinds.
    """
    from ganspec.runs.run import used_files

    words = ["ganspec", "train", run.spec_path, "--out", run.folder, "--resume"]
    for name, value in options.items():
        if isinstance(value, list):
            words += [word for each in value for word in (f"--{name}", each)]
        elif value and value != "auto":
            words += [f"--{name}"] if value is True else [f"--{name}", value]
    words += [word for file in used_files(run.spec) for word in ("--kinds", file.path)]
    return shlex.join(map(str, words))
