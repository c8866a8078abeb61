"""The command line. Heavy imports stand inside the commands: `--help` needs no torch."""

from __future__ import annotations

import json
import shlex
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

import ganspec

app = typer.Typer(
    help="A compiler for GAN specs: one page of YAML becomes PyTorch modules, a training run "
    "or plain source.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)

SpecPath = Annotated[Path, typer.Argument(metavar="SPEC", help="Spec file, such as my.yaml.")]
Settings = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Change one value, as `train.batch=32`."),
]


def fail(message: str, status: int = 2) -> None:
    """Say what went wrong in one line and end."""
    typer.echo(f"error: {message}", err=True)
    raise typer.Exit(status)


@contextmanager
def reported() -> Iterator[None]:
    """Show the errors that bad input makes as a person would want them; no traceback."""
    from ganspec.language.errors import GanspecError, SpecError

    try:
        yield
    except SpecError as error:
        show_diagnostics(error.diagnostics)
        raise typer.Exit(1) from None
    except (GanspecError, OSError) as error:
        fail(str(error).splitlines()[0] if str(error) else type(error).__name__)
    except (MemoryError, RuntimeError) as error:
        if "memory" not in str(error):  # any other is a bug, and wants its traceback
            raise
        notes = " ".join(getattr(error, "__notes__", []))
        fail(f"out of memory {notes}: set a smaller `train: {{batch: ...}}`")


def show_diagnostics(diagnostics, summary: bool = True) -> None:
    """Print findings to standard error, coloured where that is a terminal."""
    colour = sys.stderr.isatty()
    for diagnostic in diagnostics:
        typer.echo(diagnostic.render(colour) + "\n", err=True)
    errors = sum(d.severity == "error" for d in diagnostics)
    if errors and summary:
        typer.echo(f"{errors} error{'s' if errors > 1 else ''}", err=True)


def version(value: bool) -> None:
    if value:
        typer.echo(f"ganspec {ganspec.__version__}")
        raise typer.Exit


@app.callback()
def main(
    _: Annotated[
        bool, typer.Option("--version", callback=version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    pass


@app.command(epilog="Example: `ganspec new my.yaml --from dcgan`")
def new(
    path: Annotated[Path, typer.Argument(metavar="FILE", help="Spec to write, as my.yaml.")],
    source: Annotated[str, typer.Option("--from", help="Spec to start from.")] = "dcgan",
) -> None:
    """Write a new spec that starts as a copy of a known one."""
    from ganspec.atomic import write_text
    from ganspec.language.starters import starter

    with reported():
        text = starter(source, path.stem)
        if path.exists():
            fail(f"{path} exists and is not overwritten; choose another name")
        write_text(path, text)
    typer.echo(f"{path} written; next: ganspec check {path}")


@app.command(epilog="Example: `ganspec check specs/*.yaml`")
def check(
    specs: Annotated[list[Path], typer.Argument(metavar="SPEC...", help="Spec files.")],
    settings: Settings = None,
) -> None:
    """Find every mistake in specs: names, values, shapes, objectives, claimed counts."""
    from ganspec.language.errors import SpecError

    failed = 0
    for path in specs:
        try:
            spec = ganspec.load(path, settings or [])
            show_diagnostics(ganspec.check(spec))
            typer.echo(f"{path}: ok")
        except SpecError as error:
            show_diagnostics(error.diagnostics, summary=len(specs) == 1)
            failed += 1
    if failed:
        if len(specs) > 1:
            typer.echo(f"{failed} of {len(specs)} specs have errors", err=True)
        raise typer.Exit(1)


@app.command(epilog="Example: `ganspec show specs/dcgan.yaml --json`")
def show(
    path: SpecPath,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON, for programs.")] = False,
    settings: Settings = None,
) -> None:
    """Show a spec's networks layer by layer: shapes, parameters, multiply-adds."""
    with reported():
        spec = ganspec.load(path, settings or [])
        from ganspec.compiler.lower import lower
        from ganspec.report.table import described, table

        nets = lower(spec)
        typer.echo(json.dumps(described(spec, nets), indent=2) if as_json else table(spec, nets))


@app.command(epilog="Example: `ganspec build specs/dcgan.yaml -o dcgan.py`")
def build(
    specs: Annotated[list[Path], typer.Argument(metavar="SPEC...", help="Spec files.")],
    out: Annotated[
        Path | None, typer.Option("-o", "--out", help="File to write, for one spec.")
    ] = None,
    stdout: Annotated[bool, typer.Option("--stdout", help="Print the source instead.")] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace what you edited.")
    ] = False,
    settings: Settings = None,
) -> None:
    """Write a spec as one file of plain PyTorch, networks and trainer: generated/NAME.py."""
    from ganspec.atomic import write_text
    from ganspec.compiler.seal import is_emitted

    if out and len(specs) > 1:
        fail("--out takes one spec")
    for path in specs:
        with reported():
            spec = ganspec.load(path, settings or [])
            source = ganspec.emit(spec)
            if stdout:
                typer.echo(source, nl=False)
                continue
            target = out or Path("generated") / f"{spec.name}.py"
            if target.is_file() and not is_emitted(target.read_bytes()) and not overwrite:
                fail(f"{target} is not as ganspec wrote it; add --overwrite, or choose another -o")
            write_text(target, source)
            typer.echo(f"{target} written, {len(source.splitlines())} lines")


@app.command(epilog="Example: `ganspec data fashion_mnist --fetch -o grid.png`")
def data(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="Data set, as mnist, or a spec that names one.")
    ],
    folder: Annotated[
        Path | None, typer.Option("--data", help="Folder, or file, of the real images.")
    ] = None,
    fetch: Annotated[
        bool, typer.Option("--fetch", help="Download it to ~/.cache/ganspec if it is missing.")
    ] = False,
    out: Annotated[
        Path | None, typer.Option("-o", "--out", help="PNG to write, of the first 64 images.")
    ] = None,
) -> None:
    """Say where a data set is and what it holds, after reading all of it."""
    with reported():
        import warnings

        from ganspec.report import dataset as report

        warnings.showwarning = lambda message, *_: typer.echo(f"warning: {message}", err=True)
        chosen = report.data_of(name)
        place = report.find(chosen.dataset, folder, fetch)
        images, labels = report.read(chosen, place)
        typer.echo(report.description(chosen, place, images, labels))
        if out:
            report.write_grid(images, out)
            typer.echo(f"{out} written")


@app.command(epilog="Example: `ganspec train specs/dcgan.yaml --epochs 2 --set train.batch=32`")
def train(
    path: SpecPath,
    out: Annotated[Path | None, typer.Option(help="Run folder; runs/NAME by default.")] = None,
    data: Annotated[Path | None, typer.Option(help="Folder of the real images.")] = None,
    epochs: Annotated[int | None, typer.Option(min=1, help="In place of the spec's.")] = None,
    steps: Annotated[int | None, typer.Option(min=1, help="Iteration to end at instead.")] = None,
    minutes: Annotated[float | None, typer.Option(min=0, help="Time to end after.")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    seed: Annotated[int | None, typer.Option(min=0, help="In place of the spec's.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the run.")] = False,
    settings: Settings = None,
) -> None:
    """Train a spec on real images. Ctrl-C ends with a checkpoint; `--resume` goes on from it."""
    from ganspec.progress import Progress

    given = list(settings or [])
    given += [f"train.epochs={epochs}"] if epochs is not None else []
    given += [f"train.seed={seed}"] if seed is not None else []
    if resume and overwrite:
        fail("--resume goes on with the run that --overwrite would replace; choose one")
    with reported():
        spec = ganspec.load(path, given)
        from ganspec.compiler.check import warnings_of

        show_diagnostics(warnings_of(spec))
        import warnings

        warnings.showwarning = lambda message, *_: typer.echo(f"warning: {message}", err=True)
        with Progress(spec.name) as progress:
            from ganspec.training.session import train

            options = {"resume": resume, "overwrite": overwrite, "progress": progress}
            run = train(spec, out, data, device, steps, minutes, **options)
    folder = run.folder
    if run.interrupted:
        again = ["ganspec", "train", run.spec_path, "--out", folder, "--resume"]
        again += ["--data", data] if data else []
        again += ["--steps", steps] if steps else []
        typer.echo(f"stopped at step {run.step}; go on with: {shlex.join(map(str, again))}")
        raise typer.Exit(130)
    typer.echo(f"trained to step {run.step}; look at:")
    for found in [run.latest_samples(), run.losses_path, folder / f"{spec.name}.py"]:
        if found and found.exists():
            typer.echo(f"  {found}")


@app.command(epilog="Example: `ganspec sample runs/dcgan -n 64 --seed 1`")
def sample(
    folder: Annotated[Path, typer.Argument(metavar="RUN", help="Run folder.")],
    count: Annotated[int, typer.Option("-n", min=1, max=10000, help="Number of images.")] = 64,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the latents.")] = 0,
    out: Annotated[Path | None, typer.Option("-o", "--out", help="PNG to write.")] = None,
    label: Annotated[
        str | None,
        typer.Option(help="Class or objects to draw, as `3` or `red cube,blue sphere`; or a file."),
    ] = None,
    data: Annotated[
        Path | None, typer.Option(help="Folder of the images that an autoencoder is to read.")
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
) -> None:
    """Draw a grid of new images from a trained run; an autoencoder's of test images."""
    with reported():
        from ganspec.training.sampling import sample

        target = out or folder / f"sample_n{count}_seed{seed}.png"
        sample(folder, count, seed, target, device, data, label)
        typer.echo(f"{target} written")


def run() -> None:
    """The program `ganspec`: Ctrl-C ends it at once, but for a training, which ends cleanly."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # in the middle of an import, no handler is safe
    app(prog_name="ganspec")
