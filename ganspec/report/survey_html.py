"""The tables of a survey as an HTML page."""

from __future__ import annotations

from ganspec.comparison.survey import Survey
from ganspec.language.errors import printable
from ganspec.report.page import page
from ganspec.report.survey_table import ABREAST, page_layout
from ganspec.version import VERSION


def html_text(survey: Survey, width: int | None, transpose: bool | None, every: bool) -> str:
    """Return a page with the tables and notes of `page_layout`; it loads no other file."""
    titles = survey.titles
    title = " / ".join(titles) if len(titles) <= ABREAST else f"{len(titles)} specs"
    laid = page_layout(survey, width, transpose, every)
    return page("survey.html.jinja", title=printable(title), laid=laid, version=VERSION)
