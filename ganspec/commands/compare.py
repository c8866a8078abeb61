"""`ganspec compare`: print a table of several specs."""

from __future__ import annotations

import shutil
import sys
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from ganspec.console import AsJson, Quiet, chosen_form, fail, refuse_two_inputs, reported
from ganspec.progress import Progress, quieted

if TYPE_CHECKING:
    from ganspec.comparison.survey import Survey

EXAMPLE = "ganspec compare specs/dcgan.yaml specs/wgan_gp.yaml runs/my"


class TableForm(StrEnum):
    text = "text"
    markdown = "markdown"
    csv = "csv"
    latex = "latex"
    json = "json"


def compare(
    names: Annotated[
        list[str],
        typer.Argument(
            metavar="SPEC...",
            help="Spec files, run folders, names of `ganspec new --list`, or FILE@REVISION of git.",
        ),
    ],
    form: Annotated[TableForm | None, typer.Option("--format", help="Form of the table.")] = None,
    as_json: AsJson = False,
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
    chosen = chosen_form(form, TableForm.text, json=as_json)
    if chosen is TableForm.json and (width or transpose is not None):
        option = "--width" if width else "--transpose" if transpose else "--columns"
        fail(f"{option} is for tables, and JSON is none: leave it out")
    refuse_two_inputs(*names)
    with quieted(quiet), reported():
        from ganspec.comparison.survey import survey
        from ganspec.comparison.surveyed import open_systems

        words = [word for word in rows.split(",") if word.strip()]
        with Progress("compare", "specs") as progress:
            table = survey(open_systems(names), words, progress)
        typer.echo(_text(table, chosen, width, transpose, every))


def _text(
    table: Survey, form: TableForm, width: int | None, transpose: bool | None, every: bool
) -> str:
    from ganspec.report.survey_table import FORMS, json_text, layout

    if form is TableForm.json:
        return json_text(table, every)
    write, default_width = FORMS[form]
    if form is TableForm.text and sys.stdout.isatty():
        default_width = shutil.get_terminal_size().columns
    return write(layout(table, width or default_width, transpose, every))
