"""Tables of a survey, which compares specs, as text, Markdown, CSV, LaTeX, JSON or an HTML page."""

from __future__ import annotations

import csv
import io
import json
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import zip_longest
from string import ascii_lowercase

from ganspec.comparison.survey import Survey, SurveyRow
from ganspec.language.errors import printable
from ganspec.report.markup import latex, markdown_line, markdown_table

WIDEST = 30  # characters; longer cells are wrapped
GAP = 2  # spaces between columns
NONE = "-"  # the text of an empty cell
KEYS = ("section", "network", "name")  # of a row in JSON, beside its values
ABREAST = 6  # up to this many specs are columns of a table; if there are more, all are rows


@dataclass(frozen=True)
class SurveyTable:
    """A table of texts, whose first column has the names of the rows."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    @property
    def columns(self) -> list[tuple[str, ...]]:
        """The columns; each begins with its name in `head`, and has a cell of every row."""
        return list(zip(self.head, *self.rows, strict=True))

    def widths(self) -> list[int]:
        """Return the width of each column in characters, with its long cells wrapped."""
        return [
            max(len(line) for cell in column for line in wrapped(cell)) for column in self.columns
        ]

    def parts(self, width: int) -> Iterator[SurveyTable]:
        """Yield the table in parts of at most `width` characters, each with the names of the rows.

        A part with a single column besides the names may be wider.
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
        """Return True if the table is at most `width` characters wide."""
        return sum(self.widths()) + GAP * (len(self.head) - 1) <= width


@dataclass(frozen=True)
class SurveyLayout:
    """The tables of a survey, and the notes below them.

    `width` is the most characters of a line, None if there is no limit.
    """

    tables: tuple[SurveyTable, ...]
    notes: tuple[str, ...]
    width: int | None = None


def layout(survey: Survey, width: int | None, transpose: bool | None, every: bool) -> SurveyLayout:
    """Return the tables of a survey, with a column for each spec, or a row if `transpose`.

    If `transpose` is None, specs are columns if all fit in `width` characters, and else rows. Each
    table is at most `width` characters wide if it can be; if `width` is None, there is one table,
    of any width. Without rows there is none. A note lists the properties in which all specs agree;
    with `every`, or for a single spec, these are rows of the tables instead.
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
    tables = (table,) if width is None else tuple(table.parts(width))
    notes = tuple(_notes(shown, rows, every))
    return SurveyLayout(tables if rows else (), notes, width)


def page_layout(
    survey: Survey, width: int | None = None, transpose: bool | None = None, every: bool = False
) -> SurveyLayout:
    """Return the tables and notes of a survey for a page.

    If `transpose` is None, specs are columns if there are at most ABREAST, else all are rows.
    """
    if transpose is None:
        transpose = len(survey.titles) > ABREAST
    return layout(survey, width, transpose, every)


def _upright(titles: tuple[str, ...], rows: tuple[SurveyRow, ...]) -> SurveyTable:
    """Return a table with a column for each spec."""
    return SurveyTable(("property", *titles), tuple((row.title, *_cells(row)) for row in rows))


def _lying(titles: tuple[str, ...], rows: tuple[SurveyRow, ...]) -> SurveyTable:
    """Return a table with a row for each spec."""
    columns = [("spec", *titles), *((row.title, *_cells(row)) for row in rows)]
    head, *lines = zip(*columns, strict=True)
    return SurveyTable(head, tuple(lines))


def _cells(row: SurveyRow) -> Iterator[str]:
    """Return a row's cells as texts for a terminal, "" for None."""
    return (printable(cell or "") for cell in row.cells)


def _notes(survey: Survey, rows: tuple[SurveyRow, ...], every: bool) -> Iterator[str]:
    """Yield the notes below the tables: equal properties, legends, and notes of the reports."""
    if not rows:
        yield "The specs differ in no row."
    if survey.even and not every:
        texts = "; ".join(f"{row.title} {printable(row.cells[0] or '')}" for row in survey.even)
        count = len(survey.titles)
        yield f"The same in {'both' if count == 2 else f'all {count}'}: {texts}."
    yield from _shared_cells(rows)
    if survey.legend:
        yield f"{survey.legend}."
    for title, note in survey.notes:
        yield f"{title}: {printable(' '.join(note.split()))}"


def _shared_cells(rows: tuple[SurveyRow, ...]) -> Iterator[str]:
    """Yield notes that name the networks whose values share a cell, by the number of networks."""
    groups: dict[int, list[str]] = {}
    for names in dict.fromkeys(names for row in rows for names in row.shared):
        groups.setdefault(len(names), []).append(" / ".join(names))
    for count, texts in groups.items():
        letters = " / ".join(ascii_lowercase[:count])
        have = "both have" if count == 2 else "all have"
        yield f"{letters}: {', or '.join(texts)}; one value where {have} it."


# -- forms ------------------------------------------------------------------------------------


def text(laid: SurveyLayout) -> str:
    """Return the tables and notes for a terminal: aligned columns, long cells on several lines."""
    parts = ["\n".join(_aligned(table)) for table in laid.tables]
    notes = (textwrap.fill(note, laid.width or 100, subsequent_indent="  ") for note in laid.notes)
    return "\n\n".join([*parts, *notes])


def wrapped(cell: str) -> list[str]:
    """Return the lines of a cell, each of at most WIDEST characters or a single longer word.

    If the cell does not fit on one line, the value of each network in `a / b` begins a line.
    """
    cell = cell or NONE
    parts = [cell] if len(cell) <= WIDEST else cell.replace(" / ", " \n/ ").split("\n")
    wrap = partial(textwrap.wrap, width=WIDEST, break_long_words=False, break_on_hyphens=False)
    return [line for part in parts for line in wrap(part)] or [NONE]


def _aligned(table: SurveyTable) -> Iterator[str]:
    """Yield the lines of a table for a terminal, with a rule below its head."""
    widths = table.widths()
    for i, row in enumerate([table.head, *table.rows]):
        for line in zip_longest(*map(wrapped, row), fillvalue=""):
            padded = (f"{part:<{width}}" for part, width in zip(line, widths, strict=True))
            yield (" " * GAP).join(padded).rstrip()
        if i == 0:
            yield "-" * (sum(widths) + GAP * (len(widths) - 1))


def markdown_text(laid: SurveyLayout) -> str:
    """Return the tables and notes in GitHub's Markdown."""
    parts = []
    for table in laid.tables:
        rows = [[cell or NONE for cell in row] for row in table.rows]
        parts.append(markdown_table(table.head, rows))
    return "\n\n".join([*parts, *map(markdown_line, laid.notes)])


def csv_text(laid: SurveyLayout) -> str:
    """Return the tables as CSV, without notes. A cell is empty if a spec lacks the property."""
    file = io.StringIO()
    for table in laid.tables:
        csv.writer(file, lineterminator="\n").writerows([table.head, *table.rows])
    return file.getvalue().rstrip("\n")


def latex_text(laid: SurveyLayout) -> str:
    """Return the tables and notes in LaTeX, for a document that loads the package booktabs."""
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
    """Return JSON with the rows in which the specs differ, or, with `every`, with all rows.

    A single spec has all rows. A value is null if the spec lacks the row's network, and "" if it
    lacks the property.
    """
    rows = survey.filled if every or len(survey.titles) == 1 else survey.uneven
    return json.dumps(
        {
            "specs": list(survey.titles),
            "rows": [
                {**{key: getattr(row, key) for key in KEYS}, "values": list(row.cells)}
                for row in rows
            ],
            "notes": [{"spec": title, "note": note} for title, note in survey.notes],
        },
        indent=2,
    )


# by format: the function that writes it, and the most characters of a line (None: any number), if
# neither an option nor a terminal sets another number
FORMS: dict[str, tuple[Callable[[SurveyLayout], str], int | None]] = {
    "text": (text, 100),
    "markdown": (markdown_text, 130),
    "csv": (csv_text, None),
    "latex": (latex_text, 90),
}
