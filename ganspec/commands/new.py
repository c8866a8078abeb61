"""`ganspec new`: write a new spec from a known one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ganspec.atomic import would_replace, write_text
from ganspec.console import fail, reported, tell_written
from ganspec.streams import is_stream

EXAMPLE = "ganspec new my.yaml --from dcgan"


def new(
    path: Annotated[
        Path, typer.Argument(metavar="FILE", help="Spec to write, as my.yaml; `-` prints it.")
    ],
    source: Annotated[str, typer.Option("--from", help="Spec to start from.")] = "dcgan",
) -> None:
    """Write a new spec that starts as a copy of a known one.

    Its first line names a schema for editors, which is written beside it if there is none.
    """
    from ganspec.reference.schema_file import MODELINE, write_beside
    from ganspec.systems.starters import starter

    with reported():
        text = starter(source, source if is_stream(path) else path.stem)
        if would_replace(path):
            fail(f"{path} exists and is not overwritten; choose another name")
        write_text(path, MODELINE + text)
        if not is_stream(path) and (beside := write_beside(path)):
            typer.echo(f"{beside} written, for completion and hints in editors")
    tell_written(path, f"; next: ganspec check {path}")
