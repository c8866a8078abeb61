"""Write the page of one or several runs to a file, and protect files that a user wrote."""

from __future__ import annotations

import re
from pathlib import Path

from ganspec.atomic import write_text
from ganspec.language.errors import GanspecError
from ganspec.report.run_latex import LatexWriter
from ganspec.report.run_markdown import MarkdownWriter
from ganspec.report.run_page import report_html
from ganspec.report.run_view import ReportView
from ganspec.runs.record import read_records
from ganspec.seal import is_report, sealed_page
from ganspec.streams import is_stream

MOST = 24  # largest number of runs on one page
FORMS = (".html", ".md", ".tex")  # endings of a page's name
PLAIN = re.compile(r"[A-Za-z0-9._-]+")  # names of folders whose files LaTeX can include


class ReportError(GanspecError):
    """Raised when a page cannot be made or would replace another file."""


def write_report(
    folders: list[Path], out: Path | None = None, overwrite: bool = False, form: str = ".html"
) -> Path:
    """Write the page of the runs in `folders` to `out`. Return the page's path.

    The ending of `out` chooses HTML, Markdown (`.md`) or LaTeX (`.tex`). A stream without an
    ending, such as `-`, gets HTML. Without `out`, the page is `report` with the ending `form`, in
    the folder of a single run, or, for several runs, in the current folder. A page in Markdown or
    LaTeX has its pictures in a folder `NAME_files` beside it. Markdown also deletes an earlier
    page's pictures of moments of a training there.

    Raises RunError if a folder holds no run, and MissingKindsError if the kinds of a run are not
    loaded. Raises ReportError if there are more than MOST runs, if `out` has another ending or
    is a folder, if LaTeX could not include pictures from the folder, or, unless `overwrite`, if the
    page would replace a file or folder that a user wrote or edited.
    """
    if len(folders) > MOST:
        raise ReportError(f"{len(folders)} runs do not fit on one page: name {MOST} at most")
    target = out or (folders[0] if len(folders) == 1 else Path()) / f"report{form}"
    form = target.suffix.lower() or (".html" if is_stream(target) else "")
    if form not in FORMS:
        raise ReportError(f"{target} has no ending of a page: end its name in .html, .md or .tex")
    pictures = target.with_name(f"{target.stem}_files")
    if form == ".tex" and not PLAIN.fullmatch(pictures.name):
        raise ReportError(
            f"LaTeX cannot include pictures from the folder {pictures.name}: name the page with "
            "letters, digits, `.`, `_` and `-` only"
        )
    if target.is_dir():  # before any picture is written
        raise ReportError(f"{target} is a folder: choose another -o")
    if not overwrite:
        _check_replaceable(target, None if form == ".html" else pictures)
    report = ReportView(read_records(folders))
    if form == ".html":
        text = report_html(report)
    else:
        writer = (LatexWriter if form == ".tex" else MarkdownWriter)(report, pictures.name)
        text = writer.page()
        for name, write in writer.files.items():
            write(pictures / name)
        for path in pictures.glob("run*_moment_*.*") if form == ".md" else ():
            if path.name not in writer.files:  # an earlier page showed it
                path.unlink()
    write_text(target, sealed_page(text))
    return target


def _check_replaceable(target: Path, pictures: Path | None) -> None:
    """Raise ReportError if the page would replace a file that a user wrote or edited.

    A folder `pictures` counts as the user's, too, unless ganspec wrote the page at `target`, or the
    page in the other form that shares the folder. `pictures` is None for a page in HTML.
    """
    ours = _is_ours(target)
    if target.exists() and not is_stream(target) and not ours:
        raise ReportError(
            f"{target} is not as ganspec wrote it; add --overwrite, or choose another -o"
        )
    shares = any(_is_ours(target.with_suffix(form)) for form in (".md", ".tex"))
    if pictures and pictures.exists() and not (ours or shares):
        raise ReportError(f"{pictures} exists already; add --overwrite, or choose another -o")


def _is_ours(page: Path) -> bool:
    """Return True if `page` is a file that nobody has changed since ganspec wrote it."""
    return page.is_file() and is_report(page.read_bytes())
