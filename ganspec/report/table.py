"""Tables of a spec's networks for `ganspec show`: as text, JSON, Markdown or LaTeX."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from itertools import groupby
from typing import TypedDict

from ganspec.program.ir import Net
from ganspec.program.measure import Cost, below_key, costs, totals
from ganspec.program.receptive import ReceptiveField, receptive_field, receptive_fields
from ganspec.report import markup
from ganspec.report.captions import caption, label_text, sides
from ganspec.report.claimed_log import aligned, log_tables
from ganspec.report.provenance import marks, remarks
from ganspec.seal import BLANK, sealed
from ganspec.systems.implied import LEGEND, MARK, Implied
from ganspec.systems.spec import Spec
from ganspec.systems.unread import unread


@dataclass(frozen=True)
class LayerTable:
    """A table of texts: names of columns, rows of inputs and layers, a row of totals, a note below.

    `note` may be "". `is_marked` is True if a row has the `*` of implied values.
    """

    head: tuple[str, ...]
    rows: list[tuple[str, ...]]
    total: tuple[str, ...]
    note: str
    is_marked: bool


class LayerData(TypedDict):
    """One layer in the output of `show --json`.

    `output` is the shape of the layer's output without the batch. `receptive_field` is the height
    and width of the field, None if no image is read; `jump` the distances down and across between
    neighbouring fields, None if the output has no rows and columns of the image. Both are in pixels
    of the input. `implied` names the fields that the spec's report does not print, and the layer's
    kind if it does not print the layer.
    """

    path: str
    kind: str
    output: list[int]
    params: int
    macs: int
    line: int | None
    receptive_field: list[int] | None
    jump: list[float] | None
    implied: list[str]


class NetworkData(TypedDict):
    """One network in the output of `show --json`.

    `params` has the numbers of parameters `total`, `trainable` and `buffers`, `macs` is the number
    of multiply-adds for one image, and `receptive_field` the height and width in pixels that a
    number of the output depends on, None if it does not depend on an image.
    """

    params: dict[str, int]
    macs: int
    receptive_field: list[int] | None
    layers: list[LayerData]


class ReportData(TypedDict):
    """A spec's `report` in `show --json`; `implied` has maps with a key `path` and its `value`."""

    cite: str
    notes: list[str]
    implied: list[dict[str, object]]


class SpecData(TypedDict):
    """The output of `show --json`; `unread` has the path and a description of each unknown part."""

    name: str
    networks: dict[str, NetworkData]
    report: ReportData
    unread: list[tuple[str, str]]


def described(spec: Spec, nets: dict[str, Net]) -> SpecData:
    """Return a spec's networks, layers, costs and report as plain data; `nets` are its programs."""
    networks: dict[str, NetworkData] = {}
    implied, report = Implied(spec), spec.report
    for name, net in nets.items():
        rows, fields = costs(net, macs=True), receptive_fields(net)
        seen = receptive_field(net)
        networks[name] = {
            "params": totals(rows),
            "macs": sum(row.macs or 0 for row in rows),
            "receptive_field": list(seen) if seen else None,
            "layers": [
                _layer(row, fields.get(row.path), implied.by_kind.get(f"{name}.{row.path}", []))
                for row in rows
            ],
        }
    gaps = [(part.path, part.seen) for part in unread(spec)]
    said: ReportData = {
        "cite": report.cite,
        "notes": list(report.notes),
        "implied": implied.data(),
    }
    return {"name": spec.name, "networks": networks, "report": said, "unread": gaps}


def _layer(row: Cost, field: ReceptiveField | None, implied: list[str]) -> LayerData:
    """Return one layer as plain data."""
    jump = field.jump if field else None
    return {
        "path": row.path,
        "kind": row.kind,
        "output": list(row.output),
        "params": row.params,
        "macs": row.macs or 0,
        "line": row.line,
        "receptive_field": list(field.size) if field else None,
        "jump": [float(step) for step in jump] if jump else None,
        "implied": implied,
    }


# -- in three forms ---------------------------------------------------------------------------


def table(spec: Spec, nets: dict[str, Net], receptive: bool = False) -> str:
    """Return text for a terminal: tables of the networks, remarks, tables of the claimed log.

    A network's table has its layers, output shapes, parameters and multiply-adds, and, with
    `receptive`, receptive fields. Remarks are unknown parts, implied values and the report's notes.
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
    """Return Markdown: a table for each network, then remarks on the spec's report, if any.

    With `receptive`, tables have receptive fields.
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
    """Return LaTeX for booktabs: a table for each network, then remarks on the report, if any.

    Tables are without multiply-adds. With `receptive`, they have receptive fields, and span two
    columns of a page.
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


def latex_tables(spec: Spec, nets: dict[str, Net], receptive: bool = False) -> list[str]:
    """Return the lines of a LaTeX table for each network, without remarks and comments."""
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
            f"{spec.name}-{name}",
            "ll" + "r" * (len(layers.head) - 2),
            kind,
            font=_font_size(len(layers.rows)),
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


def _font_size(rows: int) -> str:
    """Return a LaTeX font size in which a table of `rows` rows fits on a page."""
    return "footnotesize" if rows < 50 else "scriptsize"


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
    adds receptive fields and jumps, if the network reads an image, and `macs` multiply-adds.
    """
    rows, fields = costs(net, macs=macs), receptive_fields(net) if receptive else {}
    names = _captions(net) if captions else {}
    columns = {
        "layer": [
            names.get(row.path, row.kind) + (MARK if row.path in signs else "") for row in rows
        ],
        "output": [sides(row.output) for row in rows],
        "parameters": [f"{row.params:,}" if row.params else "" for row in rows],
    }
    starts = {"layer": ["input", "label"], "output": [sides(net.inputs[0].value.shape)]}
    count = totals(rows)
    sums = {"layer": "total", "parameters": f"{count['total']:,}"}
    if net.conditional:
        starts["output"].append(label_text(net.inputs[1].value))
    if macs:
        columns["multiply-adds"] = [f"{row.macs:,}" if row.macs else "" for row in rows]
        sums["multiply-adds"] = f"{sum(row.macs or 0 for row in rows):,}"
    if fields:
        seen = [fields[row.path] for row in rows]
        columns["receptive field"] = [str(field or "") for field in seen]
        columns["jump"] = [_jump(field) for field in seen]
    if not captions:
        columns["line"] = [str(row.line or "") for row in rows]
    inputs = [
        tuple(starts.get(name, ("", ""))[i] for name in columns) for i in range(len(net.inputs))
    ]
    cells = [*inputs, *zip(*columns.values(), strict=True)]
    trainable = f"trainable {count['trainable']:,}, non-trainable {count['buffers']:,}"
    note = trainable if count["buffers"] else ""
    total = tuple(sums.get(name, "") for name in columns)
    is_marked = any(row.path in signs for row in rows)
    return LayerTable(tuple(columns), cells, total, note, is_marked)


def _captions(net: Net) -> dict[str, str]:
    """Return the captions of a network's layers, by their key paths without the network's key."""
    layers = groupby(net.leaves(), key=lambda step: below_key(step.origin.path))
    return {path: caption(list(steps)) for path, steps in layers}


def _jump(field: ReceptiveField | None) -> str:
    """Return the jump of a receptive field as text: `4`, or `4 x 2` down and across; "" if none."""
    if field is None or field.jump is None:
        return ""
    down, across = field.jump
    return str(down) if down == across else f"{down} x {across}"
