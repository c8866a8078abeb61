"""The page of one or several runs as Markdown, with pictures in files."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TypeAlias

from ganspec.comparison.survey import SurveyRow
from ganspec.report.captions import sides
from ganspec.report.markup import markdown, markdown_line, markdown_table
from ganspec.report.run_plots import Plot
from ganspec.report.run_view import ReportView, RunView
from ganspec.report.table_data import NetworkData
from ganspec.systems.implied import MARK
from ganspec.version import VERSION

Files: TypeAlias = dict[str, Callable[[Path], None]]  # by name, a function that writes to a path


class MarkdownWriter:
    """Writer of a page about runs as Markdown, with pictures in `folder`.

    `files` has, by name, the functions that write the pictures.
    """

    def __init__(self, report: ReportView, folder: str):
        self.report, self.folder = report, folder
        self.files: Files = {}

    def page(self) -> str:
        """Return the page's text, and fill `files`."""
        report = self.report
        parts = [f"# {markdown(report.title)}", f"Made by ganspec {VERSION}."]
        parts += [self._head(view) for view in report.runs]
        if report.several:
            parts += ["## What differs", markdown_table(*self._properties(report.uneven))]
            parts += [folded("What is the same", markdown_table(*self._properties(report.even)))]
        else:
            parts += ["## Summary", markdown_table(*self._properties(report.rows))]
        parts += [markdown_line(report.legend)]
        parts += ["## Scores: claims and measurements", self._scores()]
        parts += [self._plot(plot) for plot in report.score_plots]
        parts += ["## Losses and accuracies"]
        parts += [self._plot(plot) for plot in report.plots] or ["The log is empty."]
        for view in report.runs:
            parts += self._run(view)
        return "\n\n".join(part for part in parts if part) + "\n"

    def _head(self, view: RunView) -> str:
        """Return a run's label, description and last step on a line, and a list of warnings."""
        doc = view.record.spec.doc if view.record.spec else ""
        when = view.when(view.record.last_step)
        what = f"{markdown(doc)} ({when})" if doc else when
        first = f"**{markdown(view.label)}**: {what}"
        return "\n".join([first, "", *(f"- {markdown_line(remark)}" for remark in view.remarks)])

    def _properties(self, rows: Iterable[SurveyRow]) -> tuple[list[str], list[list[str]]]:
        """Return the names of the columns and the rows of a table of properties.

        Columns are the properties' sections and names, then one for each run.
        """
        head = ["", "", *(view.label for view in self.report.runs)]
        return head, [
            [row.section, row.name, *("-" if cell is None else cell for cell in row.cells)]
            for row in rows
        ]

    def _scores(self) -> str:
        """Return a table of claimed and measured scores, or a sentence that there are none."""
        lines = self.report.score_lines
        if not lines:
            return "No score is claimed, and none has been measured."
        several = ["run"] if self.report.several else []
        head = ["score", *several, "claimed", "as claimed", "measured", "differs", "measured on"]
        rows = []
        for who, line in lines:
            run = [who] if self.report.several else []
            claim = [line.claimed or "no claim", ", ".join(line.claim_conditions)]
            score = [line.measured or "not measured", "; ".join(line.differences)]
            name = f"{line.metric} of {line.of}"
            rows.append([name, *run, *claim, *score, ", ".join(line.conditions)])
        return markdown_table(head, rows)

    def _plot(self, plot: Plot) -> str:
        """Return the Markdown of a plot and its caption, and add the plot to `files`."""
        image = self._image(f"{plot.name}.png", plot.write_png, plot.title)
        return f"{image}\n{markdown_line(plot.caption)}"

    def _run(self, view: RunView) -> Iterator[str]:
        """Yield the parts about one run: pictures, networks, spec, source, environment."""
        record, key = view.record, view.key
        yield f"## {markdown(view.label)}: samples" if self.report.several else "## Samples"
        finals = [("final", view.final)] if view.final else []
        for name, picture in (*finals, *(("moment", moment) for moment in view.moments)):
            text = view.pictured_at(picture.step)
            file = f"{key}_{name}_{picture.step:07d}.{picture.format}"
            image = self._image(file, picture.write, text)
            yield f"{image}\n{markdown_line(picture.captioned(text))}"
        yield "### Architecture"
        counts = [
            [c.network, c.what, f"{c.claimed:,}", f"{c.built:,}", "=" if c.agrees else "differs"]
            for c in view.counts
        ]
        if counts:
            yield markdown_table(["network", "", "claimed", "built", ""], counts)
        for name, network in view.networks.items():
            yield f"#### {markdown(name)}\n\n{layers(network)}"
        for title, lines in view.provenance:
            entries = (f"- {markdown_line(line)}" for line in lines)
            yield f"{markdown_line(title)}:\n\n" + "\n".join(entries)
        yield "### Spec"
        yield fenced(record.spec_text, "yaml")
        yield "### Emitted source"
        name, source = record.source
        yield folded(name, fenced(source, "python")) if source else "It is missing."
        yield "### Environment and command"
        yield markdown_table(["", ""], [list(pair) for pair in record.environment.items()])
        yield fenced(record.command, "console")

    def _image(self, name: str, write: Callable[[Path], None], alt: str) -> str:
        """Return the Markdown of a picture, and add the picture to `files`."""
        self.files[name] = write
        return f"![{markdown(alt)}](<{self.folder}/{name}>)\n"


def layers(network: NetworkData) -> str:
    """Return a Markdown table of a network's layers: output shapes, parameters, multiply-adds."""
    rows = [
        [
            layer["kind"] + (MARK if layer["implied"] else ""),
            sides(layer["output"] or ()),
            _count(layer["params"]),
            _count(layer["macs"]),
        ]
        for layer in network["layers"]
    ]
    total = ["total", "", _count(network["params"]["total"]), _count(network["macs"])]
    return markdown_table(["layer", "output", "parameters", "multiply-adds"], [*rows, total])


def _count(number: int | None) -> str:
    return f"{number:,}" if number else ""


def fenced(text: str, language: str) -> str:
    """Return `text` as a Markdown code block, "" if `text` is empty.

    Its fence is longer than all rows of backticks in `text`, so that none ends the block.
    """
    if not text:
        return ""
    longest = max(map(len, re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{text.rstrip()}\n{fence}"


def folded(title: str, text: str) -> str:
    """Return `text` in a `<details>` element, closed below `title`; "" if `text` is empty."""
    if not text:
        return ""
    return f"<details>\n<summary>{markdown(title)}</summary>\n\n{text}\n\n</details>"
