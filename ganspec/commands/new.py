"""`ganspec new`: write a new spec from a known one."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from ganspec.atomic import would_replace, write_text
from ganspec.console import (
    AsJson,
    FactForm,
    FactFormOption,
    chosen_form,
    fail,
    file_path,
    reported,
    tell_written,
    with_suffix,
)
from ganspec.language.names import SUFFIXES
from ganspec.streams import is_stream

EXAMPLE = "ganspec new my.yaml --from dcgan"


def new(
    path: Annotated[
        Path | None,
        typer.Argument(
            metavar="FILE", parser=file_path, help="Spec to write, as my.yaml; `-` prints it."
        ),
    ] = None,
    source: Annotated[
        str | None, typer.Option("--from", help="Spec to start from. [default: dcgan]")
    ] = None,
    listed: Annotated[
        bool, typer.Option("--list", help="List the specs that come with ganspec instead.")
    ] = False,
    form: FactFormOption = None,
    as_json: AsJson = False,
) -> None:
    """Write a new spec that starts as a copy of one of ganspec's.

    The copy has no `report`. Its first line names a schema for editors, whose file is written
    beside it, if missing.
    """
    if listed:
        if path is not None or source is not None:
            fail("--list writes no spec: leave FILE and --from out")
        _print_starters(chosen_form(form, FactForm.text, json=as_json))
        return
    if form or as_json:
        option = "--json" if as_json else "--format"
        fail(f"{option} is for --list, and a spec is YAML: leave it out")
    if path is None:
        fail("name the spec to write, as `ganspec new my.yaml`; --list shows where to start from")
    _write(with_suffix(path, *SUFFIXES), source or "dcgan")


def _print_starters(form: FactForm) -> None:
    from ganspec.systems.starters import described_starters

    with reported():
        known = described_starters()
        if form is FactForm.json:
            typer.echo(json.dumps([asdict(each) for each in known], indent=2))
            return
        widest = max(len(each.name) for each in known)
        for each in known:
            typer.echo(f"{each.name:<{widest}}  {each.doc}")


def _write(path: Path, source: str) -> None:
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
