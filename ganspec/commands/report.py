"""`ganspec report`: write a page of one or more runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ganspec.console import fail, out_option, reported, tell_written

EXAMPLE = "ganspec report runs/dcgan -o page.html"


def report(
    folders: Annotated[list[Path], typer.Argument(metavar="RUN", help="Run folders, 24 at most.")],
    out: Annotated[
        Path | None,
        out_option(
            "Page to write: .html, .md or .tex; `-` prints HTML. "
            "[default: report.html, in the folder of a single RUN]",
        ),
    ] = None,
    latex: Annotated[
        bool, typer.Option("--latex", help="Write LaTeX, report.tex, with figures in PDF files.")
    ] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace a page that you edited.")
    ] = False,
) -> None:
    """Write one page of a run, or of several side by side: scores, curves, samples, spec."""
    if latex and out and out.suffix.lower() != ".tex":
        message = "--latex writes a .tex file, with figures beside it"
        fail(f"{message}: name one in place of {out}, or leave --latex out")
    with reported():
        from ganspec.report.run_files import write_report

        form = ".tex" if latex else ".html"
        tell_written(write_report(folders, out, overwrite, form))
