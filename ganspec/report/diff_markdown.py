"""A comparison of two specs as Markdown, for a review or a report."""

from __future__ import annotations

from collections.abc import Iterator

from ganspec.comparison.edits import Change, ComparedLayer, Comparison, Edit, Move, NetworkDiff
from ganspec.report.markup import markdown, markdown_line

HEAD = ["", "| | A | B | |", "| --- | --- | --- | --- |"]  # lines between a heading and its rows


def render(comparison: Comparison) -> str:
    """Return Markdown: both titles, a list of the main differences, and tables of what differs.

    Each network and each other section that differs has a table.
    """
    a, b = comparison.a, comparison.b
    parts = [f"**{markdown(a.title)}** against **{markdown(b.title)}**"]
    parts.append("\n".join(f"- {markdown_line(line)}" for line in comparison.answer))
    parts += ["\n".join(_network(each)) for each in comparison.networks if not each.is_equal]
    for section in comparison.sections:
        head = [f"### {markdown(section.name)}", *HEAD]
        parts.append("\n".join([*head, *map(_change, section.changes)]))
    return "\n\n".join(part for part in parts if part)


def _network(network: NetworkDiff) -> Iterator[str]:
    only = f" (only in {network.only.upper()})" if network.only else ""
    yield f"### {markdown(network.name)}{only}"
    yield from HEAD
    yield from map(_edit, network.changed)
    yield from map(_change, (*network.settings, *network.totals))


def _edit(edit: Edit) -> str:
    fields = "; ".join(_field(change) for change in edit.changes if change.name != "kind")
    note = "moved" if isinstance(edit, Move) else fields
    return f"| `{edit.sign}` {edit.word} | {_layer(edit.a)} | {_layer(edit.b)} | {note} |"


def _layer(layer: ComparedLayer | None) -> str:
    if layer is None:
        return ""
    line = f" (line {layer.line})" if layer.line else ""
    return markdown(layer.text) + line


def _change(change: Change) -> str:
    """Return the row of a table for a property of a network or section: name, A, B, reason."""
    note = f"{change.because}'s default" if change.because else ""
    before, after = markdown(change.before or ""), markdown(change.after or "")
    return f"| {markdown(change.name)} | {before} | {after} | {note} |"


def _field(change: Change) -> str:
    """Return a changed field of a layer as `kernel 4 to 3`, for the last cell of a layer's row."""
    note = f" ({change.because}'s default)" if change.because else ""
    before, after = markdown(change.before or "none"), markdown(change.after or "none")
    return f"{markdown(change.name)} {before} to {after}{note}"
