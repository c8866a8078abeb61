"""`ganspec diff`: print the differences of two specs."""

from __future__ import annotations

from enum import StrEnum
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ganspec.atomic import would_replace, write_text
from ganspec.console import fail, refuse_two_inputs, reported, show_diagnostics
from ganspec.language.errors import SpecError
from ganspec.streams import is_stdout

if TYPE_CHECKING:
    from ganspec.comparison.edits import Comparison

EXAMPLE = "ganspec diff specs/dcgan.yaml specs/wgan_gp.yaml --only discriminator"


class DiffForm(StrEnum):
    """The forms of a diff, each written by a module of `ganspec.report`: `diff_text` and so on."""

    text = "text"
    json = "json"
    markdown = "markdown"
    html = "html"


def diff(
    first: Annotated[
        str, typer.Argument(metavar="A", help="Spec, run folder, or FILE@REVISION in git.")
    ],
    second: Annotated[str, typer.Argument(metavar="B", help="What to compare A with, as A.")],
    form: Annotated[DiffForm, typer.Option("--format", help="Format of the diff.")] = DiffForm.text,
    only: Annotated[
        list[str] | None,
        typer.Option(metavar="PART", help="A network or section, as discriminator or train."),
    ] = None,
    stat: Annotated[
        bool, typer.Option("--stat", help="One line for each network and section.")
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option("-o", "--out", metavar="FILE", help="File to write instead of printing."),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace FILE where it exists.")
    ] = False,
) -> None:
    """Show in which networks and settings two specs differ; exit with 1 if they do, else with 0.

    Names, comments, spelling and claimed scores make no difference (claims count with
    `--only claims`). The exit status is 2 if a spec has errors.
    """
    if stat and form is not DiffForm.text:
        fail("--stat is text; leave --format away")
    if out and out.suffix in (".yaml", ".yml"):
        fail(f"{out} would be a spec; name another file")
    if out and would_replace(out) and not overwrite:
        fail(f"{out} exists; add --overwrite, or choose another -o")
    refuse_two_inputs(first, second)
    with reported():
        comparison = _comparison(first, second, only or [])
        report = import_module(f"ganspec.report.diff_{form}")
        text = report.stat(comparison) if stat else report.render(comparison)
        if out and not is_stdout(out):
            write_text(out, text + "\n")
            typer.echo(f"{out} written", err=True)
        elif text:
            typer.echo(text)
    raise typer.Exit(0 if comparison.is_equal else 1)


def _comparison(first: str, second: str, only: list[str]) -> Comparison:
    from ganspec.comparison.compare import compare
    from ganspec.comparison.opening import open_spec
    from ganspec.language.source import name_of

    try:
        titles = name_of(first), name_of(second)
        return compare(open_spec(first), open_spec(second), titles, only)
    except SpecError as error:
        show_diagnostics(error.diagnostics)
        raise typer.Exit(2) from None
