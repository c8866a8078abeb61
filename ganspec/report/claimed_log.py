"""The losses and accuracies that a spec's report prints, as text for `ganspec show`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ganspec.systems.claims import Report


def log_tables(report: Report) -> Iterator[str]:
    """Yield the text of each table of the claimed log: a title, then aligned columns."""
    for table in report.log:
        cells = [table.columns, *(tuple(f"{number:.15g}" for number in row) for row in table.rows)]
        yield "\n".join(["claimed log", *aligned(cells)])


def aligned(rows: Sequence[tuple[str, ...]], left: int = 0) -> list[str]:
    """Return the lines of a table, indented: the first row, a rule, then the other rows.

    The first `left` columns are aligned to the left, the others to the right.
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        cells = zip(row, widths, strict=True)
        padded = [f"{c:{'<' if i < left else '>'}{width}}" for i, (c, width) in enumerate(cells)]
        lines.append(f"  {'  '.join(padded)}".rstrip())
    rule = "  " + "-" * (sum(widths) + 2 * len(widths) - 2)
    return [lines[0], rule, *lines[1:]]
