"""`ganspec compare`: print a table of several specs."""

from __future__ import annotations

import shutil
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ganspec.console import (
    AsJson,
    OutFile,
    OverwriteFile,
    Quiet,
    chosen_form,
    fail,
    print_or_write,
    refuse_two_inputs,
    reported,
)
from ganspec.output_files import free_file
from ganspec.progress import Progress, quieted

if TYPE_CHECKING:
    from ganspec.comparison.survey import Survey

EXAMPLE = "ganspec compare specs/dcgan.yaml specs/wgan_gp.yaml runs/my"


class TableForm(StrEnum):
    text = "text"
    markdown = "markdown"
    csv = "csv"
    latex = "latex"
    html = "html"
    json = "json"


ENDINGS = {
    TableForm.text: (".txt", ".log"),
    TableForm.markdown: (".md", ".markdown"),
    TableForm.csv: (".csv",),
    TableForm.latex: (".tex",),
    TableForm.html: (".html", ".htm"),
    TableForm.json: (".json",),
}

FormOption = Annotated[
    TableForm | None,
    typer.Option("--format", help="Form of the table; by default that of FILE's ending, or text."),
]
Rows = Annotated[
    str | None,
    typer.Option(help="Only these rows, in order: `data,norm,loss`, or `hyperparameters`."),
]
Transpose = Annotated[
    bool | None,
    typer.Option(
        "--transpose/--columns",
        help="One row per spec, or one column per spec. [default: columns if they fit]",
        show_default=False,
    ),
]


def compare(
    names: Annotated[
        list[str],
        typer.Argument(
            metavar="SPEC",
            help="Spec files, run folders, names of `ganspec new --list`, or FILE@REVISION of git.",
        ),
    ],
    form: FormOption = None,
    as_json: AsJson = False,
    rows: Rows = None,
    every: Annotated[
        bool, typer.Option("--all", help="Include rows that are the same for all specs.")
    ] = False,
    transpose: Transpose = None,
    width: Annotated[
        int | None, typer.Option(min=20, help="Widest table in characters; wider ones are split.")
    ] = None,
    out: OutFile = None,
    overwrite: OverwriteFile = False,
    quiet: Quiet = False,
) -> None:
    """Compare any number of specs in a table: data, networks, losses, training, scores."""
    chosen = chosen_form(form, TableForm.text, out, ENDINGS, json=as_json)
    if chosen is TableForm.json and (width or transpose is not None):
        option = "--width" if width else "--transpose" if transpose else "--columns"
        fail(f"{option} is for tables, and JSON is none: leave it out")
    if chosen is TableForm.csv and width:
        fail("--width splits wide tables, and CSV is always one table: leave it out")
    out = free_file(out, overwrite, *ENDINGS[chosen])
    refuse_two_inputs(*names)
    words = [word for word in (rows or "").split(",") if word.strip()]
    if rows is not None and not words:
        fail("--rows names no row: name one, such as `data`, or leave --rows out")
    with quieted(quiet), reported():
        from ganspec.comparison.survey import survey
        from ganspec.comparison.surveyed import open_systems

        with Progress("compare", "specs") as progress:
            table = survey(open_systems(names), words, progress)
        print_or_write(_text(table, chosen, width, transpose, every, out), out)


def _text(
    table: Survey,
    form: TableForm,
    width: int | None,
    transpose: bool | None,
    every: bool,
    out: Path | None,
) -> str:
    """Return the table as text in `form`.

    `width` is the most characters of a line; None stands for the terminal's width if text is
    printed there, and else for the form's default. With `transpose`, specs are rows; None chooses
    the direction that fits. With `every`, rows that are the same for all specs are included.
    """
    from ganspec.report.survey_table import FORMS, json_text, layout

    if form is TableForm.json:
        return json_text(table, every)
    if form is TableForm.html:
        from ganspec.report.survey_html import html_text

        return html_text(table, width, transpose, every)
    write, default_width = FORMS[form]
    if form is TableForm.text and out is None and sys.stdout.isatty():
        default_width = shutil.get_terminal_size().columns
    return write(layout(table, width or default_width, transpose, every))
