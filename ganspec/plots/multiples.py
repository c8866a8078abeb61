"""Small multiples: one small plot for each of many runs, all on the same axes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from ganspec.plots.curves import (
    THEME,
    Panel,
    draw_claims,
    draw_curve,
    dress,
    legend_label,
    y_limits,
)

BINS = 150  # points of a thinned curve: a small plot has no more pixels
WIDTH, HEIGHT = 2.4, 1.6  # of a small plot without its title, in inches
COLUMNS = 4  # most plots in a row of a figure
TICKS = 3  # most intervals between the labels of an axis


class SharedAxes(NamedTuple):
    """The limits of the x axis and of the y axis."""

    x: tuple[float, float]
    y: tuple[float, float]


def shared_axes(panels: Sequence[Panel]) -> SharedAxes:
    """Return the limits of axes that all panels share; far outliers on the y axis are cut off.

    At least one curve must have a value.
    """
    curves = tuple(curve for panel in panels for curve in panel.curves)
    columns = [curve.column for curve in curves if len(curve.column)]
    claims = [value for panel in panels for _, value in panel.claims]
    steps = np.concatenate([column.steps for column in columns])
    low = min([*claims, *(float(np.min(column.logged.low)) for column in columns)])
    high = max([*claims, *(float(np.max(column.logged.high)) for column in columns)])
    margin = 0.05 * (high - low) or 0.05 * abs(high) or 1.0
    y = y_limits(curves) or (low - margin, high + margin)
    return SharedAxes((float(steps.min()), max(float(steps.max()), float(steps.min()) + 1)), y)


def small_figure(panels: Sequence[Panel], limits: SharedAxes, titled: bool = True) -> Figure:
    """Return a figure of small plots, in rows of COLUMNS; if `titled`, with titles above them."""
    columns = min(COLUMNS, len(panels))
    rows = -(-len(panels) // columns)
    size = (WIDTH * columns, (HEIGHT + 0.2 * titled) * rows)
    figure = Figure(figsize=size, dpi=120, layout="constrained")
    figure.patch.set_alpha(0)
    places = figure.subplots(rows, columns, squeeze=False).flat
    for panel, axes in zip(panels, places, strict=False):
        draw_small(axes, panel, limits)
        if titled:
            axes.set_title(legend_label(panel.title), fontsize=8, color=THEME["ink"][0])
    for axes in places:  # the iterator now yields those that are left over in the last row
        axes.set_visible(False)
    return figure


def draw_small(axes: Axes, panel: Panel, limits: SharedAxes) -> None:
    """Draw a panel within `limits`; a legend names several curves, and nothing names the axes."""
    axes.patch.set_alpha(0)
    for curve in panel.curves:
        draw_curve(axes, curve, BINS)
    draw_claims(axes, panel)
    dress(axes)
    axes.set(xlim=limits.x, ylim=limits.y)
    axes.tick_params(labelsize=9)
    axes.xaxis.set_major_locator(MaxNLocator(TICKS, integer=True))
    axes.yaxis.set_major_locator(MaxNLocator(TICKS))
    if len(panel.curves) > 1:
        axes.legend(fontsize=6, frameon=False, labelcolor=THEME["ink"][0])
