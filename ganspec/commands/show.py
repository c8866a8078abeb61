"""`ganspec show`: print or draw a spec's networks."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import ganspec
from ganspec.console import Settings, SpecPath, fail, reported, write_unless_edited

if TYPE_CHECKING:
    from ganspec.systems.spec import Spec

EXAMPLE = "ganspec show specs/dcgan.yaml --graph -o dcgan.svg"


def show(
    path: SpecPath,
    graph: Annotated[
        bool, typer.Option("--graph", help="Draw the networks: an SVG file, NAME.svg.")
    ] = False,
    mermaid: Annotated[bool, typer.Option("--mermaid", help="Show a Mermaid flowchart.")] = False,
    latex: Annotated[bool, typer.Option("--latex", help="Show LaTeX tables.")] = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="Show Markdown tables.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Show JSON, for programs.")] = False,
    receptive_field: Annotated[
        bool,
        typer.Option("--receptive-field", help="Add how much of the image each layer sees."),
    ] = False,
    out: Annotated[
        Path | None, typer.Option("-o", "--out", help="File to write; `-` prints it.")
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace a file that ganspec did not write.")
    ] = False,
    settings: Settings = None,
) -> None:
    """Show a spec's networks layer by layer: shapes, parameters, multiply-adds; or draw them."""
    forms = {"graph": graph, "mermaid": mermaid, "latex": latex, "markdown": markdown}
    chosen = [name for name, is_chosen in {**forms, "json": as_json}.items() if is_chosen]
    if len(chosen) > 1:
        fail(f"--{chosen[0]} and --{chosen[1]} are two forms: choose one")
    form = chosen[0] if chosen else "table"
    if receptive_field and form in ("graph", "mermaid"):
        fail(f"--receptive-field adds columns to tables, and --{form} makes none")
    with reported():
        spec = ganspec.load(path, settings or [])
        text = _text(spec, form, receptive_field)
        target = out or (Path(f"{spec.name}.svg") if graph else Path("-"))
        if str(target) == "-":
            typer.echo(text.rstrip("\n"))
        else:
            write_unless_edited(target, text, overwrite)
            typer.echo(f"{target} written")


def _text(spec: Spec, form: str, receptive_field: bool) -> str:
    from ganspec.compiler.lower import lower

    nets = lower(spec)
    if form == "graph":
        from ganspec.report.graph_svg import svg

        return svg(spec, nets)
    if form == "mermaid":
        from ganspec.report.graph_mermaid import mermaid

        return mermaid(spec, nets)
    from ganspec.report import table

    if form == "json":
        import json

        return json.dumps(table.described(spec, nets), indent=2) + "\n"
    return getattr(table, form)(spec, nets, receptive_field)
