"""`ganspec train`: train a spec into a run folder."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

import ganspec
from ganspec.console import Quiet, Settings, SpecPath, fail, reported, show_diagnostics
from ganspec.streams import OutputError, is_stdout
from ganspec.training.stop import STATUS, Stop

if TYPE_CHECKING:
    from ganspec.runs.run import Run
    from ganspec.systems.spec import Spec

EXAMPLE = "ganspec train specs/dcgan.yaml --epochs 2 --set train.batch=32"


class TrackerName(StrEnum):
    """The trackers, each a module of `ganspec.training.trackers`."""

    tensorboard = "tensorboard"
    wandb = "wandb"
    mlflow = "mlflow"
    trackio = "trackio"


Track = Annotated[
    list[TrackerName] | None,
    typer.Option(help="Show the run in a tracker, too; may be repeated."),
]
TensorBoard = Annotated[bool, typer.Option("--tensorboard", hidden=True)]  # the older spelling


def train(
    path: SpecPath,
    out: Annotated[Path | None, typer.Option(help="Run folder; runs/NAME by default.")] = None,
    data: Annotated[Path | None, typer.Option(help="Folder of the real images.")] = None,
    epochs: Annotated[
        int | None, typer.Option(min=1, help="Epochs, in place of the spec's.")
    ] = None,
    steps: Annotated[int | None, typer.Option(min=1, help="Stop after this step instead.")] = None,
    minutes: Annotated[float | None, typer.Option(min=0, help="Stop after this time.")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    seed: Annotated[int | None, typer.Option(min=0, help="Seed, in place of the spec's.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the run.")] = False,
    track: Track = None,
    tensorboard: TensorBoard = False,
    exact: Annotated[
        bool, typer.Option("--exact", help="Compute as the emitted file does, bit for bit.")
    ] = False,
    quiet: Quiet = False,
    settings: Settings = None,
) -> None:
    """Train a spec on real images. Ctrl-C ends with a checkpoint; `--resume` goes on from it."""
    given = list(settings or [])
    given += [f"train.epochs={epochs}"] if epochs is not None else []
    given += [f"train.seed={seed}"] if seed is not None else []
    _check_options(out, resume, overwrite)
    options: dict[str, Any] = {"data": data, "device": device, "steps": steps}
    trackers = [*(track or []), *([TrackerName.tensorboard] if tensorboard else [])]
    options |= {"minutes": minutes, "track": trackers}
    with Stop(begun=False, quiet=quiet), reported():
        spec = load_with_warnings(path, given)
        try:
            run = ganspec.train(
                spec,
                out,
                resume=resume,
                overwrite=overwrite,
                progress=not quiet,
                exact=exact,
                **options,
            )
        except KeyboardInterrupt:  # a second Ctrl-C
            show_abort(out or Path("runs") / spec.name, {**options, "quiet": quiet})
        show_end(run, {**options, "quiet": quiet})


def _check_options(out: Path | None, resume: bool, overwrite: bool) -> None:
    if out is not None and is_stdout(out):
        fail(f"--out {out} is no folder, and a run is one: name a folder")
    if resume and overwrite:
        fail("--resume goes on with the run that --overwrite would replace; choose one")


def load_with_warnings(path: Path, given: list[str]) -> Spec:
    """Load a spec with the settings `given` by `--set`. Print its warnings. Return the spec."""
    from ganspec.compiler.check import warnings_of

    spec = ganspec.load(path, given)
    show_diagnostics(warnings_of(spec))
    return spec


def show_end(run: Run, options: Mapping[str, object]) -> None:
    """Print the last step and the files to look at.

    If a signal ended the training, print the command that resumes it, and exit with STATUS.
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
    except OutputError as error:  # the run is complete: the exit status tells of the training
        typer.echo(f"warning: {error}", err=True)
    if run.interrupted:
        raise typer.Exit(STATUS)


def show_abort(folder: Path, options: Mapping[str, object]) -> NoReturn:
    """Print the command that goes on from the last checkpoint. Exit with STATUS."""
    from ganspec.runs.run import Run

    run = Run(folder)
    if run.checkpoint_path.is_file():
        typer.echo(f"stopped at once; go on from the last checkpoint: {resuming(run, options)}")
    else:
        typer.echo("stopped at once, before the first checkpoint; begin again with --overwrite")
    raise typer.Exit(STATUS)


def resuming(run: Run, options: Mapping[str, object]) -> str:
    """Return the command that resumes `run` with the same options and kinds, for a shell."""
    from ganspec.runs.run import used_files

    words = ["ganspec", "train", run.spec_path, "--out", run.folder, "--resume"]
    for name, value in options.items():
        if isinstance(value, list):
            words += [word for each in value for word in (f"--{name}", each)]
        elif value and value != "auto":
            words += [f"--{name}"] if value is True else [f"--{name}", value]
    words += [word for file in used_files(run.spec) for word in ("--kinds", file.path)]
    return shlex.join(map(str, words))
