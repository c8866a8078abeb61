"""`ganspec train`: train a spec into a run folder."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import ganspec
from ganspec.console import Settings, SpecPath, fail, reported, show_diagnostics
from ganspec.progress import Progress
from ganspec.streams import OutputError, is_stdout

if TYPE_CHECKING:
    from ganspec.runs.run import Run
    from ganspec.systems.spec import Spec

EXAMPLE = "ganspec train specs/dcgan.yaml --epochs 2 --set train.batch=32"


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
    tensorboard: Annotated[
        bool, typer.Option("--tensorboard", help="Write TensorBoard's event files, too.")
    ] = False,
    exact: Annotated[
        bool, typer.Option("--exact", help="Compute as the emitted file does, bit for bit.")
    ] = False,
    settings: Settings = None,
) -> None:
    """Train a spec on real images. Ctrl-C ends with a checkpoint; `--resume` goes on from it."""
    given = list(settings or [])
    given += [f"train.epochs={epochs}"] if epochs is not None else []
    given += [f"train.seed={seed}"] if seed is not None else []
    _check_options(out, resume, overwrite)
    with reported():
        spec = load_with_warnings(path, given)
        with Progress(spec.name) as progress:
            run = ganspec.train(
                spec,
                out,
                data=data,
                device=device,
                steps=steps,
                minutes=minutes,
                resume=resume,
                overwrite=overwrite,
                progress=progress,
                tensorboard=tensorboard,
                exact=exact,
            )
    show_end(run, data, steps)


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


def show_end(run: Run, data: Path | None, steps: int | None) -> None:
    """Print the last step and the files to look at.

    If the training was interrupted, print the command that resumes it, and exit with status 130.
    """
    if run.interrupted:
        lines = [f"stopped at step {run.step}; go on with: {resuming(run, data, steps)}"]
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
        raise typer.Exit(130)


def resuming(run: Run, data: Path | None, steps: int | None) -> str:
    """Return the command that resumes `run` on the same data and kinds, quoted for a shell."""
    from ganspec.runs.run import used_files

    options = [("--data", data), ("--steps", steps)]
    options += [("--kinds", file.path) for file in used_files(run.spec)]
    words = [str(word) for option in options if option[1] for word in option]
    command = ["ganspec", "train", str(run.spec_path), "--out", str(run.folder), "--resume"]
    return shlex.join([*command, *words])
