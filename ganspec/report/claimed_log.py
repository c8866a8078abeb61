"""The losses and accuracies that a spec's report prints, as text for `ganspec show`."""

from __future__ import annotations

from collections.abc import Iterator

from ganspec.systems.claims import Report


def log_tables(report: Report) -> Iterator[str]:
    """Yield each table of the claimed log, its columns aligned, under a title."""
    for table in report.log:
        cells = [table.columns, *(tuple(f"{number:.15g}" for number in row) for row in table.rows)]
        widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
        lines = [
            "  " + "  ".join(f"{cell:>{width}}" for cell, width in zip(row, widths, strict=True))
            for row in cells
        ]
        rule = "  " + "-" * (sum(widths) + 2 * len(widths) - 2)
        yield "\n".join(["claimed log", lines[0], rule, *lines[1:]])
