"""`ganspec import`: write a spec of Python code or of a table."""

from __future__ import annotations

import sys
import warnings
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ganspec.atomic import would_replace, write_text
from ganspec.console import (
    fail,
    refuse_two_inputs,
    reported,
    target_of,
    tell,
    tell_written,
)
from ganspec.language.names import SUFFIXES

if TYPE_CHECKING:
    from ganspec.importing.source import Imported

EXAMPLE = "ganspec import module.py:Generator --input z:100"

Source = Annotated[
    str | None,
    typer.Argument(metavar="FILE.py[:CLASS]", help="Python file, which is run, and a class."),
]
Inputs = Annotated[
    list[str] | None,
    typer.Option(
        "--input",
        metavar="NAME:SIZE",
        help="Tensors that `forward` reads, in order: `z:100`, `x:3x64x64`, `y:10`, `y:class10`.",
    ),
]
Settings = Annotated[
    list[str] | None,
    typer.Option("--with", metavar="NAME=VALUE,...", help="Constructor arguments."),
]
Tables = Annotated[
    list[Path] | None,
    typer.Option(
        metavar="TABLE.txt", help="A printed Keras `model.summary()` instead; `-`: standard input."
    ),
]
Out = Annotated[
    Path | None,
    typer.Option("-o", "--out", help="File to write, NAME.yaml by default; `-` prints."),
]


def import_(
    source: Source = None,
    generator: Annotated[
        str | None, typer.Option(metavar="CLASS", help="The file's generator.")
    ] = None,
    discriminator: Annotated[
        str | None, typer.Option(metavar="CLASS", help="The file's discriminator.")
    ] = None,
    inputs: Inputs = None,
    settings: Settings = None,
    summary: Tables = None,
    out: Out = None,
    stdout: Annotated[bool, typer.Option("--stdout", help="Print the spec instead.")] = False,
) -> None:
    """Write a spec of a network in PyTorch code, or in a printed Keras table.

    The file runs as under Python's `import`, up to its networks. Parts that cannot be read are
    `unknown` in the spec, and printed. The exit status is 0 if spec and code are equal, else 1.
    """
    out = target_of(out, stdout, *SUFFIXES)
    refuse_two_inputs(*(summary or []))
    if (source is None) == (not summary):
        fail("give a Python file, as module.py:Generator, or a table, as --summary table.txt")
    classes = {"generator": generator, "discriminator": discriminator}
    names = {role: name for role, name in classes.items() if name}
    with reported():
        if source is None:
            result = _tables(summary or [], inputs or [])
        else:
            # the file may print, which must not get into a printed spec, and warn of its own code
            with redirect_stdout(sys.stderr), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                result = _code(source, names, inputs or [], settings or [])
        target = out or Path(f"{result.name}.yaml")
        if would_replace(target):
            fail(f"{target} exists and is not overwritten; choose another -o")
        write_text(target, result.text)
        tell_written(target, f"; next: ganspec check {target}")
    for role, words in result.verified.items():
        tell(f"{role}: {words}", target)
    for warning in result.warnings:
        typer.echo(f"warning: {warning}", err=True)
    if not result.is_equal:
        raise typer.Exit(1)


def _code(source: str, names: dict[str, str], inputs: list[str], settings: list[str]) -> Imported:
    from ganspec.importing.python_file import parse_input, parse_settings
    from ganspec.importing.source import import_file

    path, colon, name = source.rpartition(":")
    if not colon:
        path, name = source, ""
    if bool(name) == bool(names):
        fail(f"name a class, as {path}:Generator, or --generator and --discriminator")
    names = names or {"network": name}
    return import_file(Path(path), names, list(map(parse_input, inputs)), parse_settings(settings))


def _tables(paths: list[Path], inputs: list[str]) -> Imported:
    from ganspec.importing.python_file import parse_input
    from ganspec.importing.tables import import_tables

    return import_tables(paths, list(map(parse_input, inputs)))
