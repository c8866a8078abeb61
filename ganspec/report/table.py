"""Tables of a spec's networks for `ganspec show`: as text, Markdown or LaTeX."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from itertools import groupby

from ganspec.language.unread import NOT_READ
from ganspec.program.ir import Net
from ganspec.program.measure import Cost, below_key, cell, costs, totals
from ganspec.program.receptive import ReceptiveField, receptive_fields
from ganspec.program.unread import lost_fields
from ganspec.report import markup
from ganspec.report.captions import caption, label_text, sides
from ganspec.report.claimed_log import aligned, log_tables
from ganspec.report.provenance import marks, remarks
from ganspec.seal import BLANK, sealed
from ganspec.systems.implied import LEGEND, MARK, Implied
from ganspec.systems.spec import Spec


@dataclass(frozen=True)
class LayerTable:
    """A table of texts: names of columns, rows of inputs and layers, and a row of totals.

    `note` is a line below the table, or "". `is_marked` is True if a row has the `*` of implied
    values.
    """

    head: tuple[str, ...]
    rows: list[tuple[str, ...]]
    total: tuple[str, ...]
    note: str
    is_marked: bool


def table(spec: Spec, nets: dict[str, Net], receptive: bool = False) -> str:
    """Return text for a terminal: tables of the networks, remarks, tables of the claimed log.

    A network's table has its layers, output shapes, parameters and multiply-adds, and, with
    `receptive`, receptive fields if it reads an image. Remarks are unknown parts, implied values
    and the report's notes.
    """
    parts = [f"{spec.name}: {' '.join(spec.doc.split())}" if spec.doc else spec.name]
    implied = Implied(spec)
    for name, net in nets.items():
        layers = layer_table(net, marks(implied, name), receptive=receptive)
        parts.append("\n".join([name, *_aligned(layers)]))
    for title, lines in remarks(implied):
        parts.append("\n".join([title, *map(_wrapped, lines)]))
    return "\n\n".join([*parts, *log_tables(spec.report)])


def markdown(spec: Spec, nets: dict[str, Net], receptive: bool = False) -> str:
    """Return Markdown: a table for each network, then remarks on the spec, if any.

    With `receptive`, tables of networks that read images have receptive fields.
    """
    parts = [f"<!-- Written by ganspec from the spec `{spec.name}` ({BLANK}). -->"]
    implied = Implied(spec)
    for name, net in nets.items():
        layers = layer_table(net, marks(implied, name), captions=True, receptive=receptive)
        head = [word.capitalize() for word in layers.head]
        rule = [":--" if i < 2 else "--:" for i in range(len(head))]
        head, *body, total = (
            list(map(markup.markdown, row)) for row in (head, *layers.rows, layers.total)
        )
        total = [f"**{cell}**" if cell else "" for cell in total]
        lines = [f"| {' | '.join(row)} |" for row in (head, rule, *body, total)]
        note = [f"{layers.note.capitalize()}."] if layers.note else []
        parts += [f"### {name.capitalize()}", "\n".join(lines), *note]
    for title, texts in remarks(implied):
        entries = (f"- {markup.markdown_line(text)}" for text in texts)
        parts += [f"{markup.markdown_line(title)}:", "\n".join(entries)]
    return sealed("\n\n".join(parts) + "\n")


def latex(spec: Spec, nets: dict[str, Net], receptive: bool = False) -> str:
    """Return LaTeX for booktabs: a table for each network, then remarks on the spec, if any.

    Tables are without multiply-adds. With `receptive`, those of networks that read images have
    receptive fields, and span two columns of a page.
    """
    lines = [
        f"% Written by ganspec from the spec `{spec.name}` ({BLANK}).",
        r"% Needs \usepackage{booktabs}.",
        *latex_tables(spec, nets, receptive),
    ]
    implied = Implied(spec)
    for title, texts in remarks(implied):
        lines += [rf"\noindent {markup.latex(title)}:", *markup.latex_list(texts)]
    return sealed("\n".join([*lines, ""]))


def latex_tables(
    spec: Spec, nets: dict[str, Net], receptive: bool = False, label: str = ""
) -> list[str]:
    """Return the lines of a LaTeX table for each network, without remarks and comments.

    The tables' labels begin with `label`.
    """
    implied, lines = Implied(spec), []
    for name, net in nets.items():
        layers = layer_table(
            net, marks(implied, name), captions=True, receptive=receptive, macs=False
        )
        kind = "table*" if len(layers.head) > 3 else "table"  # `table*` spans two columns
        note = f" {layers.note.capitalize()}." if layers.note else ""
        note += f" {LEGEND}." if layers.is_marked else ""
        lines += markup.booktabs(
            [[tuple(map(str.capitalize, layers.head))], layers.rows, [layers.total]],
            f"{name.capitalize()} of {spec.name}.{note}",
            f"{label}{spec.name}-{name}",
            "ll" + "r" * (len(layers.head) - 2),
            kind,
            font="footnotesize" if len(layers.rows) < 50 else "scriptsize",
            escape=_latex_text,
        )
    return lines


def _aligned(layers: LayerTable) -> list[str]:
    """Return a table's lines for a terminal, with rules below its first row and above its last."""
    head, rule, *rows, total = aligned([layers.head, *layers.rows, layers.total], left=2)
    note = [f"  {layers.note}"] if layers.note else []
    return [head, rule, *rows, rule, total, *note]


def _wrapped(line: str) -> str:
    """Return a remark indented, in lines of at most 100 characters."""
    return textwrap.fill(line, 100, initial_indent="  ", subsequent_indent="    ")


def _latex_text(text: str) -> str:
    """Return `text` escaped for LaTeX; each ` x ` becomes a multiplication sign without spaces."""
    return markup.latex_letters(text).replace(" x ", r"$\times$")


# -- a network's cells ------------------------------------------------------------------------


def layer_table(
    net: Net,
    signs: frozenset[str] = frozenset(),
    captions: bool = False,
    receptive: bool = False,
    macs: bool = True,
) -> LayerTable:
    """Return the table of a network, with a row for each input and layer.

    A layer whose path below the network's key is in `signs` has the `*` of implied values. With
    `captions`, settings follow a layer's kind, and its line in the spec is left out. `receptive`
    adds receptive fields and jumps, if the network reads an image; `macs` adds multiply-adds.
    """
    rows = costs(net, macs=macs)
    names = _captions(net) if captions else {}
    columns = {
        "layer": [
            names.get(row.path, row.kind) + (MARK if row.path in signs else "") for row in rows
        ],
        "output": [NOT_READ if "output" in row.lost else sides(row.output) for row in rows],
        "parameters": [cell([row], "params") for row in rows],
    }
    starts = {"layer": ["input", "label"], "output": [sides(net.inputs[0].value.shape)]}
    count = totals(rows)
    sums = {"layer": "total", "parameters": cell(rows, "params") or "0"}
    if net.conditional:
        starts["output"].append(label_text(net.inputs[1].value))
    if macs:
        columns["multiply-adds"] = [cell([row], "macs") for row in rows]
        sums["multiply-adds"] = cell(rows, "macs") or "0"
    if receptive:
        columns |= _receptive_columns(net, rows)
    if not captions:
        columns["line"] = [str(row.line or "") for row in rows]
    inputs = [
        tuple(starts.get(name, ("", ""))[i] for name in columns) for i in range(len(net.inputs))
    ]
    cells = [*inputs, *zip(*columns.values(), strict=True)]
    trainable = f"trainable {count['trainable']:,}, non-trainable {count['buffers']:,}"
    note = trainable if count["buffers"] and sums["parameters"] != NOT_READ else ""
    total = tuple(sums.get(name, "") for name in columns)
    is_marked = any(row.path in signs for row in rows)
    return LayerTable(tuple(columns), cells, total, note, is_marked)


def _captions(net: Net) -> dict[str, str]:
    """Return the captions of a network's layers, by their key paths without the network's key."""
    layers = groupby(net.leaves(), key=lambda step: below_key(step.origin.path))
    return {path: caption(list(steps)) for path, steps in layers}


def _receptive_columns(net: Net, rows: list[Cost]) -> dict[str, list[str]]:
    """Return columns with the receptive field and jump of each row; {} if no image is read."""
    if not (fields := receptive_fields(net)):
        return {}
    lost, columns = lost_fields(net), {}
    for title, text in (("receptive field", _size), ("jump", _jump)):
        texts = ((row, text(fields[row.path])) for row in rows)
        columns[title] = [NOT_READ if own and row.path in lost else own for row, own in texts]
    return columns


def _size(field: ReceptiveField | None) -> str:
    return str(field or "")


def _jump(field: ReceptiveField | None) -> str:
    """Return the jump of a receptive field as text: `4`, or `4 x 2` down and across; "" if none."""
    if field is None or field.jump is None:
        return ""
    down, across = field.jump
    return str(down) if down == across else f"{down} x {across}"
