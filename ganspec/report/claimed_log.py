"""The losses and accuracies that a spec's report prints, as text for `ganspec show`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ganspec.systems.claims import Report


def log_tables(report: Report) -> Iterator[str]:
    """Yield each table of `report.log` as text: the line `claimed log`, then aligned columns."""
    for table in report.log:
        cells = [table.columns, *(tuple(f"{number:.15g}" for number in row) for row in table.rows)]
        yield "\n".join(["claimed log", *aligned(cells)])


def aligned(rows: Sequence[tuple[str, ...]], left: int = 0) -> list[str]:
    """Return a table's lines, indented by 2 spaces: the first row, a line of `-`, the other rows.

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
