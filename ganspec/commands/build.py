"""`ganspec build`: write specs as files of plain PyTorch."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

import ganspec
from ganspec.console import Settings, fail, reported, write_unless_edited

EXAMPLE = "ganspec build specs/dcgan.yaml -o dcgan.py"


def build(
    specs: Annotated[list[Path], typer.Argument(metavar="SPEC...", help="Spec files.")],
    out: Annotated[
        Path | None, typer.Option("-o", "--out", help="File to write, for one spec.")
    ] = None,
    stdout: Annotated[bool, typer.Option("--stdout", help="Print the source instead.")] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace a file that you edited.")
    ] = False,
    settings: Settings = None,
) -> None:
    """Write a spec as one file of plain PyTorch, networks and trainer: generated/NAME.py."""
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
            write_unless_edited(target, source, overwrite)
            typer.echo(f"{target} written, {len(source.splitlines())} lines")
