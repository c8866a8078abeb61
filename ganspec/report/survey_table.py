"""A survey as tables: laid out, and written as text, Markdown, CSV or LaTeX."""

from __future__ import annotations

import csv
import io
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import zip_longest

from ganspec.comparison.survey import Survey, SurveyRow
from ganspec.language.errors import printable
from ganspec.report.survey_markup import latex, markdown

WIDEST = 30  # characters of a cell in text, before it is wrapped
GAP = 2
NONE = "-"


@dataclass(frozen=True)
class SurveyTable:
    """Texts in columns; the first column has the names of the rows."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    @property
    def columns(self) -> list[tuple[str, ...]]:
        return list(zip(self.head, *self.rows, strict=True))

    def widths(self) -> list[int]:
        """Characters of each column, where long cells are wrapped."""
        return [
            max(len(line) for cell in column for line in wrapped(cell)) for column in self.columns
        ]

    def blocks(self, width: int) -> Iterator[SurveyTable]:
        """The table in parts of at most `width` characters where that can be, each with row names.

        Nothing is left out: a part has one column at least.
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
class Layout:
    """The tables of a survey, the lines below them, and how wide both may be."""

    tables: tuple[SurveyTable, ...]
    notes: tuple[str, ...]
    width: int | None = None


def layout(survey: Survey, width: int | None, transpose: bool | None, every: bool) -> Layout:
    """The survey with a column for each spec, or a row for each where `transpose`.

    None chooses: columns where they fit. Rows that say the same of all specs become one note,
    unless `every`. `width` is in characters; None for a single table however wide.
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
    return Layout(tables if rows else (), tuple(_notes(shown, rows, every)), width)


def _upright(titles: tuple[str, ...], rows: tuple[SurveyRow, ...]) -> SurveyTable:
    return SurveyTable(("property", *titles), tuple((row.title, *_cells(row)) for row in rows))


def _lying(titles: tuple[str, ...], rows: tuple[SurveyRow, ...]) -> SurveyTable:
    columns = [("spec", *titles), *((row.title, *_cells(row)) for row in rows)]
    head, *lines = zip(*columns, strict=True)
    return SurveyTable(head, tuple(lines))


def _cells(row: SurveyRow) -> Iterator[str]:
    return (printable(cell or "") for cell in row.cells)


def _notes(survey: Survey, rows: tuple[SurveyRow, ...], every: bool) -> Iterator[str]:
    """What the table leaves out, and how to read what it has."""
    even = [] if every else survey.even
    if not rows:
        yield "No row tells them apart."
    if even:
        what = "; ".join(f"{row.title} {printable(row.cells[0])}" for row in even)
        count = len(survey.titles)
        yield f"The same in {'both' if count == 2 else f'all {count}'}: {what}."
    if any(row.is_pair for row in rows):
        yield "a / b: generator / discriminator; one value where both have it."


# -- forms ------------------------------------------------------------------------------------


def text(laid: Layout) -> str:
    """For a terminal: columns aligned, long cells on several lines."""
    parts = ["\n".join(_aligned(table)) for table in laid.tables]
    notes = (textwrap.fill(note, laid.width or 100, subsequent_indent="  ") for note in laid.notes)
    return "\n\n".join([*parts, *notes])


def wrapped(cell: str) -> list[str]:
    """A cell's lines; what two networks have begins a line each, where one is too short."""
    cell = cell or NONE
    parts = [cell] if len(cell) <= WIDEST else cell.replace(" / ", " \n/ ").split("\n")
    options = {"break_long_words": False, "break_on_hyphens": False}
    return [line for part in parts for line in textwrap.wrap(part, WIDEST, **options)] or [NONE]


def _aligned(table: SurveyTable) -> Iterator[str]:
    widths = table.widths()
    for i, row in enumerate([table.head, *table.rows]):
        for line in zip_longest(*map(wrapped, row), fillvalue=""):
            padded = (f"{part:<{width}}" for part, width in zip(line, widths, strict=True))
            yield (" " * GAP).join(padded).rstrip()
        if i == 0:
            yield "-" * (sum(widths) + GAP * (len(widths) - 1))


def markdown_text(laid: Layout) -> str:
    """Tables as GitHub and most others read them."""
    parts = []
    for table in laid.tables:
        lines = [
            f"| {' | '.join(markdown(cell or NONE) for cell in row)} |"
            for row in (table.head, *table.rows)
        ]
        lines.insert(1, "|---" * len(table.head) + "|")
        parts.append("\n".join(lines))
    return "\n\n".join([*parts, *map(markdown, laid.notes)])


def csv_text(laid: Layout) -> str:
    """One table for programs: no notes, and nothing where a spec has nothing."""
    file = io.StringIO()
    for table in laid.tables:
        csv.writer(file, lineterminator="\n").writerows([table.head, *table.rows])
    return file.getvalue().rstrip("\n")


def latex_text(laid: Layout) -> str:
    """Tabulars with the rules of booktabs, to be pasted into a document that loads it."""
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


# a form's writer, and its width in characters where the terminal does not say it
FORMS: dict[str, tuple[Callable[[Layout], str], int | None]] = {
    "text": (text, 100),
    "markdown": (markdown_text, 130),
    "csv": (csv_text, None),
    "latex": (latex_text, 90),
}
