"""The page of one or several runs as a LaTeX document, with figures in PDF and PNG files."""

from __future__ import annotations

from collections.abc import Iterator

from ganspec.comparison.hyperparameters import SECTION
from ganspec.comparison.survey import survey
from ganspec.comparison.surveyed import SurveyedSystem
from ganspec.compiler.lower import lower
from ganspec.report import table
from ganspec.report.markup import booktabs, latex, latex_letters, latex_list
from ganspec.report.run_markdown import Files
from ganspec.report.run_plots import Plot
from ganspec.report.run_view import ReportView, RunView
from ganspec.report.survey_table import layout
from ganspec.version import VERSION

PREAMBLE = r"""\documentclass{article}
\usepackage[utf8]{inputenc}
\usepackage[margin=2cm]{geometry}
\usepackage{booktabs,graphicx}
\setlength{\belowcaptionskip}{6pt}  % between a caption and its table
\begin{document}"""


class LatexWriter:
    """Writer of a page about runs as LaTeX, with figures in `folder`.

    `files` has, by name, the functions that write the figures.
    """

    def __init__(self, report: ReportView, folder: str):
        self.report, self.folder = report, folder
        self.files: Files = {}

    def page(self) -> str:
        """Return the document as text, without its checksum, and fill `files`."""
        report = self.report
        parts = [f"% Made by ganspec {VERSION}.", PREAMBLE]
        parts.append(rf"\section*{{{latex(report.title)}}}")
        parts += [*self._remarks(), *self._hyperparameters(), *self._scores()]
        parts += [self._plot(plot) for plot in [*report.score_plots, *report.plots]]
        parts += [*self._samples(), *self._architectures(), r"\end{document}"]
        return "\n\n".join(parts) + "\n% "  # makes the checksum that is appended a comment

    def _remarks(self) -> Iterator[str]:
        """Yield a LaTeX list of warnings for each run that has any."""
        for view in self.report.runs:
            if view.remarks:
                start = rf"\paragraph{{{latex(view.label)}}}"
                yield "\n".join([start, *latex_list(view.remarks)])

    def _hyperparameters(self) -> Iterator[str]:
        """Yield a table of hyperparameters, with a row for each run whose networks can be built.

        Yield nothing if there is no such run.
        """
        specs = [(view.label, view.record.spec) for view in self.report.runs if view.networks]
        systems = [SurveyedSystem(label, spec) for label, spec in specs if spec]
        if systems:
            found = survey(systems, [SECTION])
            laid = layout(found, None, transpose=True, every=True)
            (shown,) = laid.tables
            rows = [[cell or "-" for cell in row] for row in shown.rows]
            caption = " ".join(["Hyperparameters.", *laid.notes])
            yield tabular(["run", *shown.head[1:]], rows, caption, "hyperparameters")

    def _scores(self) -> Iterator[str]:
        """Yield a table of claimed and measured scores, if there are any."""
        lines, several = self.report.score_lines, self.report.several
        if not lines:
            return
        head = ["score", *(["run"] if several else []), "claimed", "measured", "conditions"]
        rows = []
        for who, line in lines:
            claim = (
                [f"claimed: {', '.join(line.claim_conditions)}"] if line.claim_conditions else []
            )
            measured = [f"measured: {', '.join(line.conditions)}"] if line.conditions else []
            differs = [f"not as claimed: {'; '.join(line.differences)}"] if line.differences else []
            name = f"{line.metric} of {line.of}"
            run = [who] if several else []
            values = [line.claimed or "-", line.measured or "-"]
            rows.append([name, *run, *values, "; ".join([*differs, *claim, *measured])])
        columns = "l" * (len(head) - 1) + "p{7cm}"
        caption = "Scores: claims and measurements. ↓ lower is better, ↑ higher."
        yield tabular(head, rows, caption, "scores", columns)

    def _plot(self, plot: Plot) -> str:
        """Return the LaTeX of a plot's figure, and add the figure to `files`."""
        self.files[f"{plot.name}.pdf"] = plot.write_pdf
        return figure(f"{self.folder}/{plot.name}.pdf", plot.caption, plot.name)

    def _samples(self) -> Iterator[str]:
        """Yield a figure of each run's newest picture, and add the picture to `files`."""
        for view in self.report.runs:
            if final := view.final:
                name = f"{view.key}_final"
                self.files[f"{name}.png"] = final.write_png
                caption = final.captioned(f"{view.label}: {view.pictured_at(final.step)}")
                yield figure(f"{self.folder}/{name}.png", caption, name)

    def _architectures(self) -> Iterator[str]:
        """Yield the tables of the runs' networks, equal ones only once."""
        known: list[str] = []
        for view in self.report.runs:
            if view.networks and (text := _tables(view)) not in known:
                known.append(text)
                yield _tables(view, f"{view.key}-")
        if known:
            yield r"\clearpage"


def _tables(view: RunView, label: str = "") -> str:
    """Return the LaTeX tables of a run's networks, whose labels begin with `label`."""
    spec = view.record.spec
    assert spec is not None  # it has networks
    return "\n".join(table.latex_tables(spec, lower(spec), label=label))


def tabular(
    head: list[str], rows: list[list[str]], caption: str, label: str, columns: str = ""
) -> str:
    """Return a LaTeX table with a caption and escaped cells.

    `columns` is the argument of `tabular`; by default, all columns are aligned to the left.
    """
    columns = columns or "l" * len(head)
    return "\n".join(booktabs([[head], rows], caption, label, columns, place="[htbp]"))


def figure(path: str, caption: str, label: str) -> str:
    """Return the LaTeX of a figure that shows the file `path`.

    It is at most as wide as the text of a page, and at most two thirds as high.
    """
    size = r"width=\linewidth,height=0.66\textheight,keepaspectratio"
    return "\n".join(
        [
            r"\begin{figure}[htbp]",
            r"  \centering",
            rf"  \includegraphics[{size}]{{{path}}}",
            rf"  \caption{{{latex_letters(caption)}}}",
            rf"  \label{{fig:{label.replace('_', '-')}}}",
            r"\end{figure}",
        ]
    )
