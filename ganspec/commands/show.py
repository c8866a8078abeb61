"""`ganspec show`: print or draw a spec's networks."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import ganspec
from ganspec.console import (
    AsJson,
    Settings,
    SpecPath,
    chosen_form,
    fail,
    out_option,
    reported,
    tell_written,
    with_suffix,
)
from ganspec.output_files import free_file, write_unless_edited
from ganspec.streams import DASH

if TYPE_CHECKING:
    from ganspec.systems.spec import Spec

EXAMPLE = "ganspec show specs/dcgan.yaml --graph -o dcgan.svg"

ReceptiveField = Annotated[
    bool, typer.Option("--receptive-field", help="Add how much of the image each layer sees.")
]
Attention = Annotated[
    bool,
    typer.Option("--attention", help="Draw where a run's self-attention looks: PNG, PDF or SVG."),
]


class ShowForm(StrEnum):
    """The forms of `show`. Each has an option of its name, such as `--graph`, except `text`."""

    text = "text"
    graph = "graph"
    mermaid = "mermaid"
    latex = "latex"
    markdown = "markdown"
    json = "json"
    attention = "attention"


ENDINGS: dict[ShowForm, tuple[str, ...]] = {
    ShowForm.text: (".txt",),
    ShowForm.graph: (".svg",),
    ShowForm.mermaid: (".mmd",),
    ShowForm.latex: (".tex",),
    ShowForm.markdown: (".md", ".markdown"),
    ShowForm.json: (".json",),
    ShowForm.attention: (".png", ".pdf", ".svg"),
}
PICTURES = (".png", ".pdf")  # endings that only `--attention` writes
BY_ENDING: dict[ShowForm, tuple[str, ...]] = {
    form: ends for form, ends in ENDINGS.items() if form is not ShowForm.attention
}

FormOption = Annotated[
    ShowForm | None,
    typer.Option("--format", help="Form; by default that of the ending of -o, or text."),
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace FILE, whatever is in it.")]
Graph = Annotated[bool, typer.Option("--graph", help="Draw the networks: an SVG file, NAME.svg.")]


def show(
    path: SpecPath,
    form: FormOption = None,
    graph: Graph = False,
    mermaid: Annotated[bool, typer.Option("--mermaid", help="Show a Mermaid flowchart.")] = False,
    latex: Annotated[bool, typer.Option("--latex", help="Show LaTeX tables.")] = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="Show Markdown tables.")] = False,
    as_json: AsJson = False,
    receptive_field: ReceptiveField = False,
    attention: Attention = False,
    out: Annotated[Path | None, out_option("File to write; `-` prints it.")] = None,
    overwrite: Overwrite = False,
    settings: Settings = None,
) -> None:
    """Show a spec's networks layer by layer: shapes, parameters, multiply-adds; or draw them.

    --attention takes a run folder in place of a spec.
    """
    flags = {"graph": graph, "mermaid": mermaid, "latex": latex, "markdown": markdown}
    flags |= {"attention": attention, "json": as_json}
    unnamed = form is None and not any(flags.values())
    if unnamed and out and out.suffix.lower() in PICTURES:
        fail(
            f"pictures of networks are .svg: end the name of {out} in .svg, or, for a picture of "
            "where a run's self-attention looks, add --attention"
        )
    chosen = chosen_form(form, ShowForm.text, out, BY_ENDING, **flags)
    if receptive_field and chosen in ("graph", "mermaid", "attention", "json"):
        why = "always has them" if chosen is ShowForm.json else "makes none"
        message = f"--receptive-field adds columns to tables, and the form `{chosen}` {why}"
        fail(f"{message}: leave it out, or choose another form")
    out = with_suffix(out, *ENDINGS[chosen]) if out else None
    if chosen is ShowForm.attention:
        _draw_attention(path, out, settings or [], overwrite)
        return
    with reported():
        spec = ganspec.load(path, settings or [])
        text = _text(spec, chosen, receptive_field)
        target = out or Path(f"{spec.name}.svg" if chosen is ShowForm.graph else DASH)
        write_unless_edited(target, text, overwrite)
        tell_written(target)


def _draw_attention(run: Path, out: Path | None, settings: list[str], overwrite: bool) -> None:
    """Draw the attention of a run's networks into `out`, or `attention.png` in the run folder."""
    if not run.is_dir():
        fail(f"--attention needs a run folder, and {run} is none: name one")
    if settings:
        fail("--set changes a spec, and --attention draws the networks of a run: leave --set out")
    target = free_file(out, overwrite, *ENDINGS[ShowForm.attention]) or run / "attention.png"
    with reported():
        from ganspec.plots.attention import plot_attention
        from ganspec.sampling.attention import attention_of

        plot_attention(attention_of(run), target)
        tell_written(target)


def _text(spec: Spec, form: ShowForm, receptive_field: bool) -> str:
    from ganspec.compiler.view import lower_to_view

    nets = lower_to_view(spec)
    if form == "graph":
        from ganspec.report.graph_svg import svg

        return svg(spec, nets)
    if form == "mermaid":
        from ganspec.report.graph_mermaid import mermaid

        return mermaid(spec, nets)
    if form == "json":
        import json

        from ganspec.report.table_data import described

        return json.dumps(described(spec, nets), indent=2) + "\n"
    from ganspec.report import table

    if form == "text":
        return table.table(spec, nets, receptive_field) + "\n"
    return getattr(table, form)(spec, nets, receptive_field)
