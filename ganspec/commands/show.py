"""`ganspec show`."""

from __future__ import annotations

import json
from typing import Annotated

import typer

import ganspec
from ganspec.console import Settings, SpecPath, reported

EXAMPLE = "ganspec show specs/dcgan.yaml --json"


def show(
    path: SpecPath,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON, for programs.")] = False,
    settings: Settings = None,
) -> None:
    """Show a spec's networks layer by layer: shapes, parameters, multiply-adds."""
    with reported():
        spec = ganspec.load(path, settings or [])
        from ganspec.compiler.lower import lower
        from ganspec.report.table import described, table

        nets = lower(spec)
        typer.echo(json.dumps(described(spec, nets), indent=2) if as_json else table(spec, nets))
