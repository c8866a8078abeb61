"""The page of one or several runs as HTML."""

from __future__ import annotations

from itertools import groupby

from ganspec.comparison.survey import SurveyRow
from ganspec.plots.curves import THEME
from ganspec.report.page import page
from ganspec.report.run_highlight import highlighted
from ganspec.report.run_view import ReportView
from ganspec.systems.implied import MARK
from ganspec.version import VERSION


def report_html(report: ReportView) -> str:
    """Return the HTML of the page, with plots and pictures in it, and no scripts."""
    context = {"theme": THEME, "version": VERSION, "mark": MARK}
    functions = {"sections": sections, "highlighted": highlighted}
    return page("report.html.jinja", report=report, **context, **functions)


def sections(rows: list[SurveyRow]) -> list[tuple[str, list[SurveyRow]]]:
    """Return pairs of a section's name and its rows, in the order of `rows`."""
    return [(name, list(group)) for name, group in groupby(rows, lambda row: row.section)]
