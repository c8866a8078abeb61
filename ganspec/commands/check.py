"""`ganspec check`: print the mistakes in specs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

import ganspec
from ganspec.console import Settings, refuse_two_inputs, reported, show_diagnostics
from ganspec.language.errors import SpecError

EXAMPLE = "ganspec check specs/*.yaml"


def check(
    specs: Annotated[
        list[Path], typer.Argument(metavar="SPEC...", help="Spec files; `-`: standard input.")
    ],
    settings: Settings = None,
) -> None:
    """Find mistakes in specs: names, values, shapes, objectives, claimed counts."""
    from ganspec.language.source import name_of

    refuse_two_inputs(*specs)
    failed = 0
    for path in specs:
        with reported():
            try:
                spec = ganspec.load(path, settings or [])
                show_diagnostics(ganspec.check(spec))
                typer.echo(f"{name_of(path)}: ok")
            except SpecError as error:
                show_diagnostics(error.diagnostics, summary=len(specs) == 1)
                failed += 1
    if failed:
        if len(specs) > 1:
            typer.echo(f"{failed} of {len(specs)} specs have errors", err=True)
        raise typer.Exit(1)
