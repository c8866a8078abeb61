"""The page of one run or of several, as Markdown with its pictures beside it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from ganspec.comparison.survey import SurveyRow
from ganspec.report.run_images import Picture
from ganspec.report.run_plots import Plot
from ganspec.report.run_view import ReportView, RunView
from ganspec.report.survey_markup import markdown
from ganspec.version import VERSION

Files = dict[str, Callable[[Path], None]]  # names of pictures, and what writes them


class Writer:
    """Markdown of a report; `files` gathers the pictures that it names, in `folder`."""

    def __init__(self, report: ReportView, folder: str):
        self.report, self.folder = report, folder
        self.files: Files = {}

    def page(self) -> str:
        """The whole page."""
        report = self.report
        parts = [f"# {escaped(report.title)}", f"Made by ganspec {VERSION}."]
        parts += [self._head(view) for view in report.runs]
        if report.several:
            parts += ["## What differs", table(*self._properties(report.uneven))]
            parts += [folded("What is the same", table(*self._properties(report.even)))]
        else:
            parts += ["## Summary", table(*self._properties(report.rows))]
        parts += ["## Scores: claims and measurements", self._scores()]
        parts += [self._plot(plot) for plot in report.score_plots]
        parts += ["## Losses and accuracies", *(self._plot(plot) for plot in report.plots)]
        for view in report.runs:
            parts += self._run(view)
        return "\n\n".join(part for part in parts if part) + "\n"

    def _head(self, view: RunView) -> str:
        doc = view.record.spec.doc if view.record.spec else ""
        when = view.when(view.record.last_step)
        first = f"**{escaped(view.label)}**: {escaped(doc)} ({when})"
        return "\n".join([first, "", *(f"- {escaped(remark)}" for remark in view.remarks)])

    def _properties(self, rows: Iterable[SurveyRow]) -> tuple[list[str], list[list[str]]]:
        head = ["", "", *(view.label for view in self.report.runs)]
        return head, [
            [row.section, row.name, *("-" if cell is None else cell for cell in row.cells)]
            for row in rows
        ]

    def _scores(self) -> str:
        lines = self.report.score_lines
        if not lines:
            return "No score is claimed, and none has been measured."
        several = ["run"] if self.report.several else []
        head = ["score", *several, "claimed", "as claimed", "measured", "differs", "measured on"]
        rows = []
        for view, line in lines:
            who = [view.label] if self.report.several else []
            claim = [line.claimed or "no claim", ", ".join(line.claim_conditions)]
            found = [line.measured or "not measured", "; ".join(line.differences)]
            name = f"{line.metric} of {line.of}"
            rows.append([name, *who, *claim, *found, ", ".join(line.conditions)])
        return table(head, rows)

    def _plot(self, plot: Plot) -> str:
        caption = "; ".join([plot.title, *plot.notes])
        return self._image(f"{plot.name}.png", plot.write_png, plot.title) + f"\n{escaped(caption)}"

    def _run(self, view: RunView) -> Iterator[str]:
        record, key = view.record, view.key
        yield f"## {escaped(view.label)}: samples" if self.report.several else "## Samples"
        for name, made in self._pictures(view):
            when = f"{view.pictured}, {view.when(made.step)}"
            file = f"{key}_{name}_{made.step:07d}.{made.format}"
            yield self._image(file, made.write, when) + f"\n{escaped(when)}"
        yield "### Architecture"
        counts = [
            [c.network, c.what, f"{c.claimed:,}", f"{c.built:,}", "=" if c.agrees else "differs"]
            for c in view.counts
        ]
        if counts:
            yield table(["network", "", "claimed", "built", ""], counts)
        for name, network in view.networks.items():
            yield f"#### {escaped(name)}\n\n{layers(network)}"
        yield "### Spec"
        yield fenced(record.spec_text, "yaml")
        yield "### Emitted source"
        name, source = record.source
        yield folded(name, fenced(source, "python")) if source else "It is missing."
        yield "### Environment and command"
        yield table(["", ""], [list(pair) for pair in record.environment.items()])
        yield fenced(record.command, "console")

    def _pictures(self, view: RunView) -> Iterator[tuple[str, Picture]]:
        if view.final:
            yield "final", view.final
        yield from (("moment", moment) for moment in view.moments)

    def _image(self, name: str, write: Callable[[Path], None], alt: str) -> str:
        self.files[name] = write
        return f"![{escaped(alt)}](<{self.folder}/{name}>)\n"


def layers(network: dict) -> str:
    """A network's layers, shapes and counts."""
    rows = [
        [layer["kind"], " x ".join(map(str, layer["output"])), *map(_count, _costs(layer))]
        for layer in network["layers"]
    ]
    total = ["total", "", _count(network["params"]["total"]), _count(network["macs"])]
    return table(["layer", "output", "parameters", "multiply-adds"], [*rows, total])


def _costs(layer: dict) -> tuple[int, int]:
    return layer["params"], layer["macs"]


def _count(number: int) -> str:
    return f"{number:,}" if number else ""


def escaped(text: str) -> str:
    """`text` on one line, no character of which is markup."""
    line = markdown(" ".join(str(text).split())).replace("$", "\\$")
    return re.sub(r"^([-+=]|\d+[.)])", lambda start: f"&#8203;{start[0]}", line)


def table(head: list[str], rows: list[list[str]]) -> str:
    """A table, every cell escaped; empty where there are no rows."""
    if not rows:
        return ""
    lines = [head, *rows]
    written = ["| " + " | ".join(map(escaped, line)) + " |" for line in lines]
    return "\n".join([written[0], "|" + "---|" * len(head), *written[1:]])


def fenced(text: str, language: str) -> str:
    """`text` as a code block, whatever backticks are in it."""
    if not text:
        return ""
    longest = max(map(len, re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{text.rstrip()}\n{fence}"


def folded(title: str, text: str) -> str:
    """`text` behind its title."""
    if not text:
        return ""
    return f"<details>\n<summary>{escaped(title)}</summary>\n\n{text}\n\n</details>"
