"""Plots of runs for pages: as SVG in the colours of the page's theme, as PNG or as PDF."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import matplotlib
from markupsafe import Markup, escape
from matplotlib.figure import Figure

from ganspec.atomic import replacing
from ganspec.plots.curves import (
    THEME,
    Curve,
    Panel,
    figure_of,
    looks,
    outside,
    thinning,
    undated,
)
from ganspec.plots.log import LOOKS, Epochs
from ganspec.plots.losses import panels
from ganspec.runs.record import RunRecord
from ganspec.scores.panels import score_panels

WIDTH = 6.4  # inches, so that a page has two plots in a row
MOST = 8  # most columns of the logs that are plotted for several runs


@dataclass(frozen=True)
class Plot:
    """A figure, its name in files, its title, and notes on lines and outliers for its caption."""

    name: str
    title: str
    figure: Figure
    notes: tuple[str, ...] = ()

    def svg(self) -> Markup:
        """Return the figure as an `<svg>` element, with CSS variables `--plot-NAME` as colours."""
        buffer = io.StringIO()
        with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": self.name}), quiet():
            self.figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
        return Markup(themed(buffer.getvalue(), self.title))

    def png(self, dots: float = 110) -> bytes:
        """Return the figure on white as the bytes of a PNG file, with `dots` per inch."""
        buffer = io.BytesIO()
        with quiet():
            self.figure.savefig(buffer, format="png", facecolor="white", dpi=dots)
        return buffer.getvalue()

    def write_png(self, path: Path) -> None:
        """Write the figure on white, atomically."""
        with replacing(path) as temporary, quiet():
            self.figure.savefig(temporary, format="png", facecolor="white")

    def write_pdf(self, path: Path) -> None:
        """Write the figure as PDF, atomically and without a date."""
        with replacing(path) as temporary, quiet():
            self.figure.savefig(temporary, format="pdf", metadata=undated("pdf"))


@contextmanager
def quiet() -> Iterator[None]:
    """Silence warnings about letters that matplotlib's font lacks."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        yield


def themed(svg: str, title: str) -> str:
    """Return matplotlib's SVG without its file header, with CSS variables in place of colours."""
    body = svg[svg.index("<svg") :]
    body = re.sub(r"<metadata>.*?</metadata>", "", body, flags=re.S)
    body = re.sub(r'<g id="[^"]*">', "<g>", body)  # these ids are the same in all figures of a page
    head = f'<svg role="img" aria-label="{escape(title)}" viewBox='
    body = re.sub(r"<svg\b.*?\bviewBox=", lambda _: head, body, count=1, flags=re.S)
    for name, (light, _) in THEME.items():
        body = body.replace(light, f"var(--plot-{name})")
    return body


def run_plots(record: RunRecord) -> list[Plot]:
    """Return a plot of the losses of one run, and a plot of its accuracies, if logged."""
    return [
        _plot(panel.title, f"{panel.title} by step", panel, record.epochs)
        for panel in panels(record.columns, record.claimed_log)
    ]


def overlays(records: list[RunRecord]) -> list[Plot]:
    """Return plots of the first MOST columns of the logs, each with the curves of all runs."""
    names = list(dict.fromkeys(name for record in records for name in record.columns))
    usual = list(LOOKS)
    names.sort(key=lambda name: usual.index(name) if name in usual else len(usual))
    plots: list[Plot] = []
    for name in names[:MOST]:
        curves = []
        for record, (colour, style) in zip(records, looks(len(records)), strict=True):
            if column := record.columns.get(name):
                longest = max(map(len, record.columns.values()))
                sparse = len(column) < longest / 2
                curves.append(Curve(column, record.label, colour, style, sparse))
        panel = Panel(column_title(name), tuple(curves), claimed=shared_claim(records, name))
        plots.append(_plot(f"log_{len(plots)}", f"{column_title(name)} by step", panel))
    return plots


def shared_claim(records: list[RunRecord], name: str) -> tuple[Curve, ...]:
    """Return the curve that the specs claim for the column `name`, () unless all claim the same."""
    claims = [record.claimed_log.get(name) for record in records]
    first = claims[0]
    if first is None or not all(claim is not None and claim.equals(first) for claim in claims):
        return ()
    return (Curve(first, "claimed", "ink"),)


def score_plots(records: list[RunRecord]) -> list[Plot]:
    """Return a plot for each metric that was measured at several steps of a run."""
    return [
        _plot(f"score_{i}", f"{panel.title} by {panel.x}", panel)
        for i, panel in enumerate(score_panels(records, looks(len(records))))
    ]


def column_title(name: str) -> str:
    """Return the title of a plot of the column `name` of the log."""
    words = {"d_loss": "discriminator's loss", "g_loss": "generator's loss"}
    words |= {"real_accuracy": "accuracy on real", "fake_accuracy": "accuracy on generated"}
    if name in words or name not in LOOKS:
        return words.get(name, name)
    return name.replace("_", " ")


def _plot(name: str, title: str, panel: Panel, epochs: Epochs | None = None) -> Plot:
    """Return the plot of one panel, with an axis of epochs if `epochs` are known."""
    notes = tuple(note for note in (thinning(panel), outside(panel)) if note)
    return Plot(name, title, figure_of([panel], epochs, WIDTH), notes)
