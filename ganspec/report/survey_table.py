"""Tables of a survey, as text, Markdown, CSV or LaTeX."""

from __future__ import annotations

import csv
import io
import json
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import zip_longest

from ganspec.comparison.survey import Survey, SurveyRow
from ganspec.language.errors import printable
from ganspec.report.markup import latex, markdown, markdown_line

WIDEST = 30  # characters of a cell above which it is wrapped
GAP = 2  # spaces between columns
NONE = "-"


@dataclass(frozen=True)
class SurveyTable:
    """A table of texts, with the names of the rows in its first column."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    @property
    def columns(self) -> list[tuple[str, ...]]:
        return list(zip(self.head, *self.rows, strict=True))

    def widths(self) -> list[int]:
        """Return the width of each column in characters, with long cells wrapped."""
        return [
            max(len(line) for cell in column for line in wrapped(cell)) for column in self.columns
        ]

    def blocks(self, width: int) -> Iterator[SurveyTable]:
        """Yield the table in parts of at most `width` characters, each with the names of the rows.

        A part is wider if the names and a single column do not fit.
        """
        columns, widths = self.columns, self.widths()
        start = 1
        while start < len(columns):
            end, used = start + 1, widths[0] + GAP + widths[start]
            while end < len(columns) and used + GAP + widths[end] <= width:
                used += GAP + widths[end]
                end += 1
            head, *rows = zip(columns[0], *columns[start:end], strict=True)
            yield SurveyTable(head, tuple(rows))
            start = end

    def fits(self, width: int) -> bool:
        return sum(self.widths()) + GAP * (len(self.head) - 1) <= width


@dataclass(frozen=True)
class SurveyLayout:
    """The tables of a survey, the notes below them, and the width of both in characters."""

    tables: tuple[SurveyTable, ...]
    notes: tuple[str, ...]
    width: int | None = None


def layout(survey: Survey, width: int | None, transpose: bool | None, every: bool) -> SurveyLayout:
    """Lay out the survey with a column for each spec, or with a row for each if `transpose`.

    If `transpose` is None, specs are columns if these fit in `width` characters. Rows in which all
    specs agree become one note, unless `every` or for a single spec. If `width` is None, there is
    one wide table.
    """
    every = every or len(survey.titles) == 1
    rows = survey.filled if every else survey.uneven
    upright = _upright(survey.titles, rows)
    if transpose is None:
        transpose = width is not None and not upright.fits(width)
    shown, table = survey, upright
    if transpose:
        shown = survey.joined()
        rows = shown.filled if every else shown.uneven
        table = _lying(survey.titles, rows)
    tables = (table,) if width is None else tuple(table.blocks(width))
    return SurveyLayout(tables if rows else (), tuple(_notes(shown, rows, every)), width)


def _upright(titles: tuple[str, ...], rows: tuple[SurveyRow, ...]) -> SurveyTable:
    return SurveyTable(("property", *titles), tuple((row.title, *_cells(row)) for row in rows))


def _lying(titles: tuple[str, ...], rows: tuple[SurveyRow, ...]) -> SurveyTable:
    columns = [("spec", *titles), *((row.title, *_cells(row)) for row in rows)]
    head, *lines = zip(*columns, strict=True)
    return SurveyTable(head, tuple(lines))


def _cells(row: SurveyRow) -> Iterator[str]:
    return (printable(cell or "") for cell in row.cells)


def _notes(survey: Survey, rows: tuple[SurveyRow, ...], every: bool) -> Iterator[str]:
    """Yield notes: that no row differs, the rows left out, legends, and the reports' notes."""
    if not rows:
        yield "The specs differ in no row."
    if survey.even and not every:
        texts = "; ".join(f"{row.title} {printable(row.cells[0] or '')}" for row in survey.even)
        count = len(survey.titles)
        yield f"The same in {'both' if count == 2 else f'all {count}'}: {texts}."
    if any(row.is_pair for row in rows):
        yield "a / b: generator / discriminator; one value where both have it."
    if survey.legend:
        yield f"{survey.legend}."
    for title, note in survey.notes:
        yield f"{title}: {printable(' '.join(note.split()))}"


# -- forms ------------------------------------------------------------------------------------


def text(laid: SurveyLayout) -> str:
    """Write the tables for a terminal: columns aligned, long cells on several lines."""
    parts = ["\n".join(_aligned(table)) for table in laid.tables]
    notes = (textwrap.fill(note, laid.width or 100, subsequent_indent="  ") for note in laid.notes)
    return "\n\n".join([*parts, *notes])


def wrapped(cell: str) -> list[str]:
    """Wrap a cell. In a long one, each network's value begins a new line."""
    cell = cell or NONE
    parts = [cell] if len(cell) <= WIDEST else cell.replace(" / ", " \n/ ").split("\n")
    wrap = partial(textwrap.wrap, width=WIDEST, break_long_words=False, break_on_hyphens=False)
    return [line for part in parts for line in wrap(part)] or [NONE]


def _aligned(table: SurveyTable) -> Iterator[str]:
    widths = table.widths()
    for i, row in enumerate([table.head, *table.rows]):
        for line in zip_longest(*map(wrapped, row), fillvalue=""):
            padded = (f"{part:<{width}}" for part, width in zip(line, widths, strict=True))
            yield (" " * GAP).join(padded).rstrip()
        if i == 0:
            yield "-" * (sum(widths) + GAP * (len(widths) - 1))


def markdown_text(laid: SurveyLayout) -> str:
    """Write the tables and notes in GitHub's Markdown."""
    parts = []
    for table in laid.tables:
        lines = [
            f"| {' | '.join(markdown(cell or NONE) for cell in row)} |"
            for row in (table.head, *table.rows)
        ]
        lines.insert(1, "|---" * len(table.head) + "|")
        parts.append("\n".join(lines))
    return "\n\n".join([*parts, *map(markdown_line, laid.notes)])


def csv_text(laid: SurveyLayout) -> str:
    """Write the tables as CSV, without notes. A cell is empty if a spec lacks the property."""
    file = io.StringIO()
    for table in laid.tables:
        csv.writer(file, lineterminator="\n").writerows([table.head, *table.rows])
    return file.getvalue().rstrip("\n")


def latex_text(laid: SurveyLayout) -> str:
    """Write LaTeX tables for a document that loads the package booktabs."""
    lines = [r"% needs \usepackage{booktabs}"]
    for table in laid.tables:
        kinds = ("p{4.5cm}" if max(map(len, c)) > WIDEST else "l" for c in table.columns)
        lines += [rf"\begin{{tabular}}{{{''.join(kinds)}}}", r"\toprule"]
        rows = [
            " & ".join(latex(cell or NONE) for cell in row) + r" \\"
            for row in (table.head, *table.rows)
        ]
        lines += [rows[0], r"\midrule", *rows[1:], r"\bottomrule", r"\end{tabular}", ""]
    notes = (f"{latex(note)}\n" for note in laid.notes)
    return "\n".join([*lines, *notes]).rstrip("\n")


def json_text(survey: Survey, every: bool) -> str:
    """Return the rows in which the specs differ as JSON, or all rows with `every`.

    A value is null if the spec lacks the row's network, and `""` if that lacks the property.
    """
    rows = survey.filled if every or len(survey.titles) == 1 else survey.uneven
    return json.dumps(
        {
            "specs": list(survey.titles),
            "rows": [
                {
                    "section": row.section,
                    "network": row.network,
                    "name": row.name,
                    "values": list(row.cells),
                }
                for row in rows
            ],
            "notes": [{"spec": title, "note": note} for title, note in survey.notes],
        },
        indent=2,
    )


# the writer of each format, and its width in characters if the output is no terminal
FORMS: dict[str, tuple[Callable[[SurveyLayout], str], int | None]] = {
    "text": (text, 100),
    "markdown": (markdown_text, 130),
    "csv": (csv_text, None),
    "latex": (latex_text, 90),
}
