"""Plots of runs for pages: as SVG in the colours of the page's theme, as PNG or as PDF."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path

import matplotlib
from markupsafe import Markup, escape
from matplotlib.figure import Figure

from ganspec.plots import multiples
from ganspec.plots.curves import (
    THEME,
    Curve,
    Panel,
    figure_of,
    looks,
    outside,
    thinning,
)
from ganspec.plots.log import LOOKS, Epochs
from ganspec.plots.losses import panels
from ganspec.plots.saving import render, save, undated
from ganspec.runs.record import RunRecord
from ganspec.scores.panels import score_panels

WIDTH = 6.4  # of each plot, in inches: a wide page shows two side by side
MOST = 8  # largest number of the log's columns to plot for several runs
OVERLAID = 6  # largest number of runs whose curves can be told apart in one plot


@dataclass(frozen=True)
class Plot:
    """A figure, its title, and notes on how it is drawn.

    `name` is for names of files. If the figure has many small plots, `parts` has each of them as a
    separate figure, so that a page can arrange them by its width. `draw` is called when the figure
    is first needed.
    """

    name: str
    title: str
    draw: Callable[[], Figure]
    notes: tuple[str, ...] = ()
    parts: tuple[Plot, ...] = ()

    @cached_property
    def figure(self) -> Figure:
        return self.draw()

    @property
    def caption(self) -> str:
        """The title and the notes, in one line."""
        return "; ".join([self.title, *self.notes])

    def svg(self) -> Markup:
        """Return the figure as an `<svg>` element, with CSS variables `--plot-NAME` as colours."""
        buffer = io.StringIO()
        with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": self.name}):
            metadata = {"Date": None, "Creator": None}
            render(self.figure, buffer, format="svg", metadata=metadata)
        return Markup(themed(buffer.getvalue(), self.title))

    def png(self) -> bytes:
        """Return the figure on white as the bytes of a PNG file."""
        buffer = io.BytesIO()
        render(self.figure, buffer, format="png", facecolor="white", dpi=110)
        return buffer.getvalue()

    def write_png(self, path: Path) -> None:
        """Write the figure on white as PNG, atomically."""
        save(self.figure, path, format="png", facecolor="white")

    def write_pdf(self, path: Path) -> None:
        """Write the figure as PDF, atomically and without a date."""
        save(self.figure, path, format="pdf", metadata=undated("pdf"))


def themed(svg: str, title: str) -> str:
    """Return matplotlib's SVG without its file header, with CSS variables for THEME's colours.

    `title` becomes the `<svg>` element's description for screen readers.
    """
    body = svg[svg.index("<svg") :]
    body = re.sub(r"<metadata>.*?</metadata>", "", body, flags=re.S)
    # all figures have the same ids, and an id may occur only once in a page
    body = re.sub(r'<g id="[^"]*">', "<g>", body)
    head = f'<svg role="img" aria-label="{escape(title)}" viewBox='
    body = re.sub(r"<svg\b.*?\bviewBox=", lambda _: head, body, count=1, flags=re.S)
    for name, (light, _) in THEME.items():
        body = body.replace(light, f"var(--plot-{name})")
    return body


def run_plots(record: RunRecord) -> list[Plot]:
    """Return a plot of a run's losses, if it logged any, and a plot of its accuracies, if any."""
    return [
        _plot(panel.title, f"{panel.title} by step", panel, record.epochs)
        for panel in panels(record.columns, record.claimed_log)
    ]


def overlays(records: list[RunRecord]) -> list[Plot]:
    """Return a plot for each of the logs' first MOST columns, with a curve for each run.

    Columns in LOOKS come first. Runs that lack a column have no curve. With more than OVERLAID
    runs, each has a small plot of its own in place of a curve.
    """
    names = list(dict.fromkeys(name for record in records for name in record.columns))
    usual = list(LOOKS)
    names.sort(key=lambda name: usual.index(name) if name in usual else len(usual))
    return [_log_plot(f"log_{i}", name, records) for i, name in enumerate(names[:MOST])]


def _log_plot(key: str, name: str, records: list[RunRecord]) -> Plot:
    """Return the plot of the column `name` of the logs; `key` is for names of files.

    Runs without the column have no curve.
    """
    many = len(records) > OVERLAID
    each_look = looks(1) * len(records) if many else looks(len(records))
    title, curves = column_title(name), []
    for record, look in zip(records, each_look, strict=True):
        if column := record.columns.get(name):
            sparse = len(column) < max(map(len, record.columns.values())) / 2
            curves.append(Curve(column, record.label, *look, sparse))
    if many:
        panels = [Panel(curve.label, (curve,)) for curve in curves]
        return _multiples(key, f"{title} by step", panels)
    panel = Panel(title, tuple(curves), claimed=shared_claim(records, name))
    return _plot(key, f"{title} by step", panel)


def shared_claim(records: list[RunRecord], name: str) -> tuple[Curve, ...]:
    """Return the curve that all runs' specs claim for the column `name`.

    Return () if a spec claims none, or another one.
    """
    claims = [record.claimed_log.get(name) for record in records]
    first = claims[0]
    if first is None or not all(claim is not None and claim.equals(first) for claim in claims):
        return ()
    return (Curve(first, "claimed", "ink"),)


def score_plots(records: list[RunRecord]) -> list[Plot]:
    """Return plots of the scores that were measured at several steps, with curves of all runs.

    With more than OVERLAID runs, each has small plots of its own instead.
    """
    if len(records) > OVERLAID:
        apart: dict[str, list[Panel]] = {}
        for record in records:
            for panel in score_panels([record], looks(1)):
                title = f"{panel.title} by {panel.x}"
                apart.setdefault(title, []).append(replace(panel, title=record.label))
        return [_multiples(f"score_{i}", *each) for i, each in enumerate(apart.items())]
    return [
        _plot(f"score_{i}", f"{panel.title} by {panel.x}", panel)
        for i, panel in enumerate(score_panels(records, looks(len(records))))
    ]


def column_title(name: str) -> str:
    """Return the title of a plot of the log's column `name`, such as `generator's loss`."""
    if name not in LOOKS:
        return name
    label, kind = LOOKS[name][0], "accuracy" if name.endswith("accuracy") else "loss"
    return f"{label}'s {kind}" if name in ("d_loss", "g_loss") else f"{kind} ({label})"


def _plot(name: str, title: str, panel: Panel, epochs: Epochs | None = None) -> Plot:
    notes = tuple(note for note in (thinning(panel.curves), outside(panel)) if note)
    return Plot(name, title, partial(figure_of, [panel], epochs, WIDTH), notes)


def _multiples(name: str, title: str, panels: list[Panel]) -> Plot:
    """Return a figure of small plots, one for each panel; a panel's title is a run's label."""
    limits = multiples.shared_axes(panels)
    curves = tuple(curve for panel in panels for curve in panel.curves)
    notes = (thinning(curves, multiples.BINS), outside(Panel(title, curves, panels[0].x)))
    parts = (
        Plot(f"{name}_{i}", panel.title, partial(multiples.small_figure, [panel], limits, False))
        for i, panel in enumerate(panels)
    )
    whole = partial(multiples.small_figure, panels, limits)
    return Plot(name, title, whole, tuple(filter(None, notes)), tuple(parts))
