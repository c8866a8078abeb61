"""`ganspec diff`."""

from __future__ import annotations

from enum import StrEnum
from importlib import import_module
from pathlib import Path
from typing import Annotated

import typer

from ganspec.atomic import write_text
from ganspec.console import fail, reported, show_diagnostics
from ganspec.language.errors import SpecError

EXAMPLE = "ganspec diff specs/dcgan.yaml specs/wgan_gp.yaml --only discriminator"


class Format(StrEnum):
    """A module of `ganspec.report` each: `diff_text` and so on."""

    text = "text"
    json = "json"
    markdown = "markdown"
    html = "html"


def diff(
    first: Annotated[
        str, typer.Argument(metavar="A", help="Spec, run folder, or FILE@REVISION in git.")
    ],
    second: Annotated[str, typer.Argument(metavar="B", help="What it is held against.")],
    form: Annotated[Format, typer.Option("--format", help="How to show it.")] = Format.text,
    only: Annotated[
        list[str] | None,
        typer.Option(metavar="PART", help="One network or section, as discriminator or train."),
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
    """Tell what differs between two specs by what they mean; ends with 0, or 1 if anything does.

    Names, comments and spelling are no difference. A spec that cannot be read ends it with 2.
    """
    if stat and form is not Format.text:
        fail("--stat is text; leave --format away")
    if out and out.suffix in (".yaml", ".yml"):
        fail(f"{out} would be a spec; name another file")
    if out and out.is_file() and not overwrite:
        fail(f"{out} exists; add --overwrite, or choose another -o")
    with reported():
        comparison = _comparison(first, second, only or [])
        text = _rendered(comparison, form, stat)
        if out:
            write_text(out, text + "\n")
            typer.echo(f"{out} written", err=True)
        elif text:
            typer.echo(text)
    raise typer.Exit(0 if comparison.is_equal else 1)


def _comparison(first: str, second: str, only: list[str]):
    from ganspec.comparison.compare import compare
    from ganspec.comparison.opening import open_spec

    try:
        return compare(open_spec(first), open_spec(second), (first, second), only)
    except SpecError as error:
        show_diagnostics(error.diagnostics)
        raise typer.Exit(2) from None


def _rendered(comparison, form: Format, stat: bool) -> str:
    report = import_module(f"ganspec.report.diff_{form}")
    return report.stat(comparison) if stat else report.render(comparison)
