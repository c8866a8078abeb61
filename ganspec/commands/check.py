"""`ganspec check`: print the mistakes in specs."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

import ganspec
from ganspec.console import (
    AsJson,
    Settings,
    SpecPaths,
    chosen_form,
    refuse_two_inputs,
    reported,
    show_diagnostics,
)
from ganspec.language.errors import SpecError
from ganspec.report import findings

EXAMPLE = "ganspec check specs/*.yaml"


class CheckForm(StrEnum):
    text = "text"
    github = "github"
    json = "json"
    sarif = "sarif"


WRITE = {"github": findings.github, "json": findings.as_json, "sarif": findings.sarif}


def check(
    specs: SpecPaths,
    form: Annotated[
        CheckForm | None, typer.Option("--format", help="Form, for people or for other programs.")
    ] = None,
    as_json: AsJson = False,
    settings: Settings = None,
) -> None:
    """Find mistakes in specs: names, values, shapes, objectives, claimed counts."""
    from ganspec.language.source import name_of

    refuse_two_inputs(*specs)
    failed, results = 0, []
    chosen = chosen_form(form, CheckForm.text, json=as_json)
    is_text = chosen == CheckForm.text
    for path in specs:
        with reported():
            try:
                spec = ganspec.load(path, settings or [])
                results.append((path, ganspec.check(spec)))
                if is_text:
                    show_diagnostics(results[-1][1])
                    typer.echo(f"{name_of(path)}: ok")
            except SpecError as error:
                results.append((path, list(error.diagnostics)))
                if is_text:
                    show_diagnostics(error.diagnostics, summary=len(specs) == 1)
                failed += 1
    if not is_text:
        typer.echo(WRITE[chosen](results), nl=False)
    if failed:
        if is_text and len(specs) > 1:
            typer.echo(f"{failed} of {len(specs)} specs have errors", err=True)
        raise typer.Exit(1)
