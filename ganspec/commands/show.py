"""`ganspec show`: print or draw a spec's networks."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import ganspec
from ganspec.atomic import would_replace
from ganspec.console import (
    Settings,
    SpecPath,
    fail,
    reported,
    tell_written,
    write_unless_edited,
)
from ganspec.streams import DASH, is_stdout, is_stream

if TYPE_CHECKING:
    from ganspec.systems.spec import Spec

EXAMPLE = "ganspec show specs/dcgan.yaml --graph -o dcgan.svg"


ReceptiveField = Annotated[
    bool, typer.Option("--receptive-field", help="Add how much of the image each layer sees.")
]
Attention = Annotated[
    bool, typer.Option("--attention", help="Draw where a run's self-attention looks: a PNG or PDF.")
]


def show(
    path: SpecPath,
    graph: Annotated[
        bool, typer.Option("--graph", help="Draw the networks: an SVG file, NAME.svg.")
    ] = False,
    mermaid: Annotated[bool, typer.Option("--mermaid", help="Show a Mermaid flowchart.")] = False,
    latex: Annotated[bool, typer.Option("--latex", help="Show LaTeX tables.")] = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="Show Markdown tables.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Show JSON, for programs.")] = False,
    receptive_field: ReceptiveField = False,
    attention: Attention = False,
    out: Annotated[
        Path | None, typer.Option("-o", "--out", help="File to write; `-` prints it.")
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace a file that ganspec did not write.")
    ] = False,
    settings: Settings = None,
) -> None:
    """Show a spec's networks layer by layer: shapes, parameters, multiply-adds; or draw them.

    --attention takes a run folder in place of a spec.
    """
    forms = {"graph": graph, "mermaid": mermaid, "latex": latex, "markdown": markdown}
    forms |= {"attention": attention, "json": as_json}
    chosen = [name for name, is_chosen in forms.items() if is_chosen]
    if len(chosen) > 1:
        fail(f"--{chosen[0]} and --{chosen[1]} are two forms: choose one")
    form = chosen[0] if chosen else "table"
    if receptive_field and form in ("graph", "mermaid", "attention"):
        fail(f"--receptive-field adds columns to tables, and --{form} makes none")
    if attention:
        _draw_attention(path, out, settings or [], overwrite)
        return
    with reported():
        spec = ganspec.load(path, settings or [])
        text = _text(spec, form, receptive_field)
        target = out or Path(f"{spec.name}.svg" if graph else DASH)
        if is_stdout(target):
            typer.echo(text.rstrip("\n"))
        else:
            write_unless_edited(target, text, overwrite)
            typer.echo(f"{target} written")


def _draw_attention(run: Path, out: Path | None, settings: list[str], overwrite: bool) -> None:
    """Draw the attention of a run's networks into `out`, by default `attention.png` in the run."""
    target = out or run / "attention.png"
    if not run.is_dir():
        fail(f"--attention needs a run folder, whose networks are trained, and {run} is none")
    if settings:
        fail("--set changes a spec, and --attention draws the networks of a run")
    if not is_stream(target) and target.suffix.lower() not in (".png", ".pdf", ".svg"):
        fail(f"{target} is no picture: end its name in .png, .pdf or .svg")
    if out and would_replace(target) and not overwrite:
        fail(f"{target} exists: add --overwrite to replace it, or choose another -o")
    with reported():
        from ganspec.plots.attention import plot_attention
        from ganspec.sampling.attention import attention_of

        plot_attention(attention_of(run), target)
        tell_written(target)


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
