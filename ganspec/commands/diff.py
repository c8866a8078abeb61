"""`ganspec diff`: print the differences of two specs."""

from __future__ import annotations

from enum import StrEnum
from importlib import import_module
from typing import TYPE_CHECKING, Annotated

import typer

from ganspec.console import (
    AsJson,
    OutFile,
    OverwriteFile,
    chosen_form,
    fail,
    print_or_write,
    refuse_two_inputs,
    reported,
    show_diagnostics,
)
from ganspec.language.errors import SpecError
from ganspec.output_files import free_file

if TYPE_CHECKING:
    from ganspec.comparison.edits import Comparison

EXAMPLE = "ganspec diff specs/dcgan.yaml specs/wgan_gp.yaml --only discriminator"


class DiffForm(StrEnum):
    """The forms of a diff; `ganspec.report` has a module for each, such as `diff_text`."""

    text = "text"
    json = "json"
    markdown = "markdown"
    html = "html"


FormOption = Annotated[
    DiffForm | None,
    typer.Option("--format", help="Form of the diff; by default that of FILE's ending, or text."),
]
Stat = Annotated[bool, typer.Option("--stat", help="One line for each network and section.")]
ENDINGS = {
    DiffForm.text: (".txt", ".diff", ".log"),
    DiffForm.json: (".json",),
    DiffForm.markdown: (".md", ".markdown"),
    DiffForm.html: (".html", ".htm"),
}


def diff(
    first: Annotated[
        str, typer.Argument(metavar="A", help="Spec, run folder, name, or FILE@REVISION in git.")
    ],
    second: Annotated[str, typer.Argument(metavar="B", help="Another one, to compare with A.")],
    form: FormOption = None,
    as_json: AsJson = False,
    only: Annotated[
        list[str] | None,
        typer.Option(
            metavar="PART",
            help="A network or section, as `discriminator` or `train`; may be repeated.",
        ),
    ] = None,
    stat: Stat = False,
    out: OutFile = None,
    overwrite: OverwriteFile = False,
) -> None:
    """Show in which networks and settings two specs differ.

    Names, comments, spelling and claimed scores make no difference (claims count with
    `--only claims`). The exit status is 0 if nothing differs, 1 if something does or is `unknown`,
    and 2 if a spec has errors.
    """
    by_suffix = {} if stat else ENDINGS
    chosen = chosen_form(form, DiffForm.text, out, by_suffix, json=as_json)
    if stat and chosen is not DiffForm.text:
        fail("--stat prints text only: leave it out, or choose no other form")
    out = free_file(out, overwrite, *ENDINGS[chosen])
    refuse_two_inputs(first, second)
    with reported():
        comparison = _comparison(first, second, only or [])
        report = import_module(f"ganspec.report.diff_{chosen}")
        text = report.stat(comparison) if stat else report.render(comparison)
        print_or_write(text, out)
    raise typer.Exit(0 if comparison.is_equal else 1)


def _comparison(first: str, second: str, only: list[str]) -> Comparison:
    """Return the comparison of two specs; print their mistakes and exit with 2 if they have any."""
    from ganspec.comparison.compare import compare
    from ganspec.comparison.surveyed import names_in
    from ganspec.language.source import name_of
    from ganspec.runs.opening import open_spec

    try:
        titles = name_of(first), name_of(second)
        parts = [part for each in only for part in names_in(each)]
        return compare(open_spec(first), open_spec(second), titles, parts)
    except SpecError as error:
        show_diagnostics(error.diagnostics)
        raise typer.Exit(2) from None
