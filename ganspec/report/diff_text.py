"""A comparison of two specs for a terminal: the answer, then both specs side by side."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from itertools import groupby, zip_longest
from operator import itemgetter
from textwrap import wrap

from ganspec.comparison.edits import (
    Change,
    ComparedLayer,
    Comparison,
    EditRow,
    Keep,
    Move,
    NetworkDiff,
    Side,
)
from ganspec.language.errors import printable

NARROWEST, WIDEST = 60, 160  # least and largest width in characters
PIPED = 100  # width in characters if the output is no terminal
NAME = 19  # width in characters of the column with names of properties
CONTEXT = 1  # number of equal layers shown before and after a difference


def render(comparison: Comparison, width: int | None = None) -> str:
    """Return a comparison as text for a terminal that is `width` characters wide.

    By default, `width` is the terminal's, or PIPED if the output is no terminal. Less than
    NARROWEST counts as NARROWEST, more than WIDEST as WIDEST.
    """
    if width is None:
        width = shutil.get_terminal_size().columns if sys.stdout.isatty() else PIPED
    table = DiffTable(max(NARROWEST, min(width, WIDEST)))
    return "\n\n".join("\n".join(part) for part in table.parts(comparison))


def stat(comparison: Comparison) -> str:
    """Return a line for each network and section that differs, with its changes counted.

    A network's edits are counted by sign, `generator  +2 ~1`, and its changed settings named. A
    section's changes are counted and named. Return "" if nothing differs.
    """
    lines = []
    for network in comparison.networks:
        if network.is_equal:
            continue
        signs = [edit.sign for edit in network.edits]
        counts = " ".join(f"{sign}{signs.count(sign)}" for sign in "+-~>" if sign in signs)
        settings = [change.name for change in network.settings]
        lines.append((network.name, ", ".join(filter(None, [counts, *settings]))))
    for section in comparison.sections:
        names = ", ".join(dict.fromkeys(change.name for change in section.changes))
        lines.append((section.name, f"{len(section.changes)} ({names})"))
    indent = max((len(name) for name, _ in lines), default=0)
    return "\n".join(f"{name:<{indent}}  {text}" for name, text in lines)


class DiffTable:
    """Writer of the lines of a comparison for a terminal that is `width` characters wide.

    A layer's line begins with the sign of its edit. Then it has, for A and for B, the number of the
    layer's line in the spec, and the layer's text in `cell` characters.
    """

    def __init__(self, width: int):
        self.width = width
        self.cell = (width - 16) // 2  # 16 characters hold the sign, two line numbers and gaps

    def parts(self, comparison: Comparison) -> Iterator[list[str]]:
        """Yield the lines of each part of the text.

        The parts are the specs' titles, the main differences, if any, and then each network and
        section that differs.
        """
        yield [
            f"{name}  {_title(side)}" for name, side in (("A", comparison.a), ("B", comparison.b))
        ]
        if comparison.answer:
            yield self.folded("; ".join(comparison.answer))
        for network in comparison.networks:
            if not network.is_equal:
                yield list(self.network(network))
        for section in comparison.sections:
            yield [section.name, *self.changes(section.changes)]

    def folded(self, text: str, indent: str = "") -> list[str]:
        """Return `text` in lines of the table's width, with `indent` before all but the first."""
        return wrap(printable(text), self.width, subsequent_indent=indent, break_on_hyphens=False)

    def network(self, network: NetworkDiff) -> Iterator[str]:
        """Yield the lines of a network: layers, settings, totals.

        Equal layers that are further than CONTEXT from a change are only counted.
        """
        yield network.name + (f" (only in {network.only.upper()})" if network.only else "")
        for is_near, rows in stretches(network, CONTEXT):
            if is_near:
                for row in rows:
                    yield from self.row(row)
            else:
                yield f"      ... {len(rows)} equal layer{'s' * (len(rows) > 1)}"
        yield from self.changes(network.settings)
        yield from self.changes(network.totals)

    def row(self, row: EditRow) -> Iterator[str]:
        """Yield the lines of one row: its layers side by side, and below them what has changed."""
        edit = row.edit
        yield from self.line(edit.sign, row.left, row.right)
        if isinstance(edit, Move) and row.left is None:
            line, number = edit.a.line, edit.a.number
            yield f"{'':16}moved here from {f'line {line}' if line else number}"
        for change in edit.changes:
            if change.name != "kind":
                yield from self.folded(f"        {_field(change)}", " " * 12)

    def line(
        self, sign: str, left: ComparedLayer | None, right: ComparedLayer | None
    ) -> Iterator[str]:
        """Yield the lines with a layer of A on the left and of B on the right; None is a blank."""
        texts = [wrap(printable(x.text), self.cell) if x else [""] for x in (left, right)]
        numbers = [str(x.line or "") if x else "" for x in (left, right)]
        for i, (a, b) in enumerate(zip_longest(*texts, fillvalue="")):
            one, other = numbers if i == 0 else ("", "")
            start = f"{sign if i == 0 else ' '} {one:>4}  {a:<{self.cell}}"
            yield f"{start}  {other:>4}  {b}".rstrip()

    def changes(self, changes: tuple[Change, ...]) -> Iterator[str]:
        """Yield each property with its values in A and in B: in columns if these fit on a line.

        Other properties are written as `name: A -> B`, on several lines if need be.
        """
        for change in changes:
            sign = " " if change.before == change.after else "~"
            name, a, b = change.name, change.before or "-", change.after or "-"
            mark = f"  [{change.because}]" if change.because else ""
            half = self.cell - 14  # aligns the second value with B's layers
            line = f"{sign} {name:<{NAME}} {a:<{half}}        {b}{mark}"
            if len(a) <= half and len(line) <= self.width and len(name) <= NAME:
                yield printable(line)
            else:
                yield from self.folded(f"{sign} {name}: {a} -> {b}{mark}", " " * 6)


def _title(side: Side) -> str:
    """Return a line with a spec's title, its name unless that is equal, system and framework."""
    known = "" if side.title == side.name else f"  {side.name}"
    return printable(f"{side.title}{known}  ({side.system}, {side.framework})")


def stretches(network: NetworkDiff, context: int) -> Iterator[tuple[bool, list[EditRow]]]:
    """Yield adjacent rows of a network, with True if they are near a change, else with False.

    A row is near if it, or one at most `context` rows away, is a change.
    """
    rows = list(network.rows())
    changed = [not isinstance(row.edit, Keep) for row in rows]
    near = [any(changed[max(0, i - context) : i + context + 1]) for i in range(len(rows))]
    for is_near, pairs in groupby(zip(near, rows, strict=True), key=itemgetter(0)):
        yield is_near, [row for _, row in pairs]


def _field(change: Change) -> str:
    """Return a changed field of a layer: `kernel 4 -> 3`."""
    mark = f"  [{change.because}]" if change.because else ""
    return f"{change.name} {change.before or 'none'} -> {change.after or 'none'}{mark}"
