"""Writing runs' pages; a file that a user wrote or edited is never replaced."""

from __future__ import annotations

from pathlib import Path

from ganspec.atomic import write_text
from ganspec.language.errors import GanspecError
from ganspec.report.run_markdown import Writer
from ganspec.report.run_page import report_html
from ganspec.report.run_view import ReportView
from ganspec.runs.record import read_records
from ganspec.seal import is_report, sealed_page

MOST = 6  # runs that fit beside each other
FORMS = (".html", ".md")


class ReportError(GanspecError):
    """A page that cannot be made, or that would replace another file."""


def write_report(folders: list[Path], out: Path | None = None, overwrite: bool = False) -> Path:
    """Write the page of the runs in `folders` to `out`. Return its path.

    A name that ends in `.md` makes Markdown, with its pictures in a folder. Without `out` it is
    `report.html`, in the run's folder or, of several, in the current one. Raises RunError or
    ReportError.
    """
    if len(folders) > MOST:
        raise ReportError(f"{len(folders)} runs do not fit beside each other: name {MOST} at most")
    target = out or (folders[0] if len(folders) == 1 else Path()) / "report.html"
    if target.suffix.lower() not in FORMS:
        raise ReportError(f"{target} is no page: end its name in .html or .md")
    pictures = target.with_name(f"{target.stem}_files")
    is_markdown = target.suffix.lower() == ".md"
    if not overwrite:
        _claim(target, pictures if is_markdown else None)
    report = ReportView(read_records(folders))
    if is_markdown:
        writer = Writer(report, pictures.name)
        text = writer.page()
        for name, write in writer.files.items():
            write(pictures / name)
        for path in pictures.glob("run*_moment_*.*"):  # of an earlier page
            if path.name not in writer.files:
                path.unlink()
    else:
        text = report_html(report)
    write_text(target, sealed_page(text))
    return target


def _claim(target: Path, pictures: Path | None) -> None:
    """Raise ReportError if the page or its pictures would replace what ganspec did not write."""
    ours = target.is_file() and is_report(target.read_bytes())
    if target.exists() and not ours:
        raise ReportError(
            f"{target} is not as ganspec wrote it; add --overwrite, or choose another -o"
        )
    if pictures and pictures.exists() and not ours:
        raise ReportError(f"{pictures} exists; add --overwrite, or choose another -o")
