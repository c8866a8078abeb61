"""A comparison as Markdown, to be pasted into a review or a report."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ganspec.comparison.edits import Change, Comparison, Edit, NetworkDiff
from ganspec.language.errors import printable


def render(comparison: Comparison) -> str:
    """The answer as a list, then a table for each network and section that differs."""
    a, b = comparison.a, comparison.b
    parts = [f"**{escaped(a.title)}** against **{escaped(b.title)}**"]
    parts.append("\n".join(f"- {escaped(line)}" for line in comparison.answer))
    for network in comparison.networks:
        if not network.is_equal:
            parts.append("\n".join(_network(network)))
    for section in comparison.sections:
        head = [f"### {escaped(section.name)}", "", "| | A | B | |", "| --- | --- | --- | --- |"]
        parts.append("\n".join([*head, *map(_change, section.changes)]))
    return "\n\n".join(part for part in parts if part)


def _network(network: NetworkDiff) -> Iterator[str]:
    only = f" (only in {network.only.upper()})" if network.only else ""
    yield f"### {escaped(network.name)}{only}"
    yield ""
    yield "| | A | B | |"
    yield "| --- | --- | --- | --- |"
    for edit in network.changed:
        yield _edit(edit)
    for change in (*network.settings, *network.totals):
        yield _change(change)


def _edit(edit: Edit) -> str:
    told = [change for change in edit.changes if change.name != "kind"]
    cells = [_layer(edit.a), _layer(edit.b), "; ".join(map(_said, told))]
    if edit.word == "move":
        cells[2] = "moved"
    return f"| `{edit.sign}` {edit.word} | {' | '.join(cells)} |"


def _layer(layer) -> str:
    if layer is None:
        return ""
    line = f" (line {layer.line})" if layer.line else ""
    return escaped(layer.text) + line


def _change(change: Change) -> str:
    mark = f"{change.because}'s default" if change.because else ""
    values = [escaped(value or "") for value in (change.before, change.after)]
    return f"| {escaped(change.name)} | {values[0]} | {values[1]} | {mark} |"


def _said(change: Change) -> str:
    mark = f" ({change.because}'s default)" if change.because else ""
    values = [escaped(value or "none") for value in (change.before, change.after)]
    return f"{escaped(change.name)} {values[0]} to {values[1]}{mark}"


def escaped(text: str) -> str:
    """`text` without any meaning to Markdown or HTML, on one line."""
    return re.sub(r"([\\`*_{}\[\]<>#!|~&])", r"\\\1", printable(text))
