"""`ganspec import`: write a spec of Python code or of a table."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ganspec.atomic import names_folder, would_replace, write_text
from ganspec.console import (
    fail,
    refuse_two_inputs,
    reported,
    target_of,
    tell,
    tell_written,
)
from ganspec.kinds_files import load_all
from ganspec.language.errors import listed
from ganspec.language.names import SUFFIXES
from ganspec.language.registry import LOADED
from ganspec.streams import is_stream

if TYPE_CHECKING:
    from ganspec.importing.source import Imported

EXAMPLE = "ganspec import module.py:Generator --input z:100"

Sources = Annotated[
    list[str] | None,
    typer.Argument(metavar="FILE.py[:CLASS]", help="Python files, which are run, and a class."),
]
Generator = Annotated[str | None, typer.Option(metavar="CLASS", help="The files' generator.")]
Discriminator = Annotated[
    str | None, typer.Option(metavar="CLASS", help="The files' discriminator.")
]
Inputs = Annotated[
    list[str] | None,
    typer.Option(
        "--input",
        metavar="NAME:SIZE",
        help="A tensor that `forward` reads: `z:100`, `x:3x64x64`, `y:10`, `y:class10`; "
        "may be repeated, in order.",
    ),
]
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--with", metavar="NAME=VALUE,...", help="Constructor arguments; may be repeated."
    ),
]
Tables = Annotated[
    list[Path] | None,
    typer.Option(
        metavar="TABLE.txt",
        help="A printed table of Keras, torchsummary or torchinfo instead; may be repeated. "
        "`-`: stdin.",
    ),
]
Minutes = Annotated[
    float | None,
    typer.Option(min=0.01, max=10000, help="Time that a file may run, 2 by default."),
]
OUT = "File to write, NAME.yaml by default, or a folder; `-` prints."


def path_of(name: str) -> Path:
    """Return the path of a file or folder. Call `fail` if it ends in a slash, but is no folder."""
    if names_folder(name) and not Path(name).is_dir():
        fail(f"there is no folder {name}: make it first")
    return Path(name)


Out = Annotated[Path | None, typer.Option("-o", "--out", metavar="FILE", parser=path_of, help=OUT)]


def import_(
    sources: Sources = None,
    generator: Generator = None,
    discriminator: Discriminator = None,
    inputs: Inputs = None,
    settings: Settings = None,
    summary: Tables = None,
    minutes: Minutes = None,
    out: Out = None,
    stdout: Annotated[bool, typer.Option("--stdout", help="Print the spec instead.")] = False,
) -> None:
    """Write a spec of the networks in each file of PyTorch code, or in a printed table.

    A file is run in a process of its own, as Python's `import` runs it, but below its networks only
    imports, definitions and constants. Parts that cannot be read are `unknown` in the spec, and
    printed. The exit status is 0 if spec and code are equal, 1 for any other spec, as of a table,
    and 2 without a spec.
    """
    if bool(sources) == bool(summary):
        fail("give a Python file, as module.py:Generator, or a table by --summary, but not both")
    folder, file = Path(), None
    if len(sources or []) > 1 or (out and out.is_dir()):
        folder = _folder_of(out, stdout)
    else:
        file = target_of(out, stdout, *SUFFIXES)
    refuse_two_inputs(*(summary or []))
    classes = {"generator": generator, "discriminator": discriminator}
    names = {role: name for role, name in classes.items() if name}
    for_code = {**names, "with": settings, "minutes": minutes}
    if summary and (useless := [f"--{name}" for name, value in for_code.items() if value]):
        fail(f"with --summary, leave out {listed(useless)}: for Python files only")
    statuses = [0]
    reads: list[Callable[[], Imported]] = [
        partial(_import_code, source, names, inputs or [], settings or [], minutes or 2.0)
        for source in sources or ()
    ]
    for read in reads or [partial(_import_tables, summary or [], inputs or [])]:
        try:
            with reported():
                result = read()
                statuses.append(_write(result, folder / (file or f"{result.name}.yaml")))
        except typer.Exit as end:
            statuses.append(end.exit_code)
    if status := max(statuses):
        raise typer.Exit(status)


def _folder_of(out: Path | None, stdout: bool) -> Path:
    """Return `out` or, by default, the current folder. Call `fail` if specs cannot go there."""
    if stdout and out and out.is_dir():
        fail(f"--stdout prints, and -o {out} writes into a folder: choose one")
    if stdout or (out and is_stream(out)):
        fail("several specs are not printed: write them into a folder, as -o specs")
    if out and not out.is_dir():
        fail(f"there is no folder {out}, and several specs need one: make it first")
    return out or Path()


def _write(result: Imported, target: Path) -> int:
    """Write a spec to `target`, and print whether it equals the code. Return the exit status."""
    if would_replace(target):
        fail(f"{target} exists and is not overwritten; choose another -o")
    write_text(target, result.text)
    tell_written(target, f"; next: ganspec check {target}")
    for role, words in result.verified.items():
        tell(f"{role}: {words}", target)
    for warning in result.warnings:
        typer.echo(f"warning: {warning}", err=True)
    return 0 if result.is_equal else 1


def _import_code(
    source: str, names: dict[str, str], inputs: list[str], settings: list[str], minutes: float
) -> Imported:
    """Return the spec of the networks in `source`, FILE.py[:CLASS], which a new process runs.

    `names` has the classes that --generator and --discriminator name, by role. Call `fail` unless
    exactly one of `source` and `names` has a class.
    """
    from ganspec.importing.apart import import_apart
    from ganspec.importing.python_file import parse_input, parse_settings

    path, colon, name = source.rpartition(":")
    if not colon:
        path, name = source, ""
    if bool(name) == bool(names):
        fail(f"name classes once: as {path}:Generator, or by --generator and --discriminator")
    names = names or {"network": name}
    shapes, arguments = list(map(parse_input, inputs)), parse_settings(settings)
    kinds = [file.path for file in LOADED]
    read = partial(_load_and_import, kinds, Path(path), names, shapes, arguments)
    return import_apart(read, path, minutes)


def _load_and_import(kinds: list[Path], *arguments: Any) -> Imported:
    """Load the files `kinds`, which the new process may lack, then import a file of code."""
    from ganspec.importing.source import import_file

    load_all(kinds)
    return import_file(*arguments)


def _import_tables(paths: list[Path], inputs: list[str]) -> Imported:
    from ganspec.importing.python_file import parse_input
    from ganspec.importing.tables import import_tables

    return import_tables(paths, list(map(parse_input, inputs)))
