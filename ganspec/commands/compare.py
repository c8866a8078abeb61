"""`ganspec compare`: print a table of several specs."""

from __future__ import annotations

import shutil
import sys
from enum import StrEnum
from typing import Annotated

import typer

from ganspec.console import Quiet, refuse_two_inputs, reported
from ganspec.progress import Progress, quieted

EXAMPLE = "ganspec compare specs/dcgan.yaml specs/wgan_gp.yaml runs/my"


class TableForm(StrEnum):
    text = "text"
    markdown = "markdown"
    csv = "csv"
    latex = "latex"


def compare(
    names: Annotated[
        list[str],
        typer.Argument(metavar="SPEC...", help="Spec files, run folders, or FILE@REVISION of git."),
    ],
    form: Annotated[
        TableForm, typer.Option("--format", help="Format of the table.")
    ] = TableForm.text,
    rows: Annotated[
        str, typer.Option(help="Only these rows, in order: `data,norm,loss`, or `hyperparameters`.")
    ] = "",
    every: Annotated[
        bool, typer.Option("--all", help="Include rows that are the same for all specs.")
    ] = False,
    transpose: Annotated[
        bool | None,
        typer.Option(
            "--transpose/--columns",
            help="One row per spec, or one column per spec. [default: columns if they fit]",
            show_default=False,
        ),
    ] = None,
    width: Annotated[
        int | None, typer.Option(min=20, help="Widest table in characters; wider ones are split.")
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Compare any number of specs in a table: data, networks, losses, training, scores."""
    refuse_two_inputs(*names)
    with quieted(quiet), reported():
        from ganspec.comparison.survey import survey
        from ganspec.comparison.surveyed import open_systems
        from ganspec.report.survey_table import FORMS, layout

        write, default_width = FORMS[form]
        if form is TableForm.text and sys.stdout.isatty():
            default_width = shutil.get_terminal_size().columns
        chosen = [word for word in rows.split(",") if word.strip()]
        with Progress("compare", "specs") as progress:
            table = survey(open_systems(names), chosen, progress)
        typer.echo(write(layout(table, width or default_width, transpose, every)))
