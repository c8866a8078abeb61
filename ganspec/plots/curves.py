"""Curves of a log's columns in matplotlib, smoothed and thinned.

Plots use the first of each pair of colours in `THEME`; pages that follow the reader's theme use the
second on a dark background. The colours are those of Okabe and Ito (2008), which colour-blind
readers can tell apart, made darker or lighter for contrast with the background.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from ganspec.plots.log import Column, Epochs

THEME = {  # colour on white, on black
    "ink": ("#24292f", "#dfe3e8"),
    "grid": ("#d0d5db", "#3b4148"),
    "blue": ("#0072b2", "#56b4f5"),
    "orange": ("#d55e00", "#ff9350"),
    "green": ("#00805d", "#35c795"),
    "pink": ("#b8578f", "#eda6cd"),
    "sky": ("#3a9bd0", "#a3dcff"),
    "ochre": ("#a87400", "#f0c04a"),
}
ORDER = ("blue", "orange", "green", "pink", "ochre", "sky")  # colours of curves, keys of THEME
Style: TypeAlias = str | tuple[float, tuple[float, ...]]
Look: TypeAlias = tuple[str, Style]  # name of a colour in `THEME`, line style
STYLES: tuple[Style, ...] = ("-", (0, (6, 1.5)), "-.", (0, (2, 1)), (0, (8, 2, 2, 2)), ":")
BINS = 600  # points of a thinned curve: more would fall on the same pixels
LABEL = 36  # longest name in a legend or beside an axis, in characters
TICKS = (1, 2, 2.5, 5, 10)  # steps between ticks, times a power of ten
CUT = 3  # outliers may make an axis up to this many times longer; beyond, they are cut off


@dataclass(frozen=True)
class Curve:
    """A column, its label and look; a `sparse` curve has markers and is not smoothed."""

    column: Column
    label: str
    colour: str
    style: Style = "-"
    sparse: bool = False


@dataclass(frozen=True)
class Panel:
    """Curves on one pair of axes, and claims as pairs of epoch and value.

    A claim that names no epoch has None. `claimed` curves are drawn to the right of the measured
    ones, on an x axis of their own, since reports print few steps of a long training. `x` is the
    title of the x axis.
    """

    title: str
    curves: tuple[Curve, ...]
    x: str = "step"
    claims: tuple[tuple[float | None, float], ...] = ()
    claimed: tuple[Curve, ...] = ()


def looks(count: int) -> list[Look]:
    """Return a colour and a line style for each of `count` runs; the first six differ."""
    return [(ORDER[i % len(ORDER)], STYLES[i % len(STYLES)]) for i in range(count)]


def window(count: int) -> int:
    """Return the width of a moving average of `count` values: 1 % of them, at least one."""
    return max(1, count // 100)


def smoothed(values: np.ndarray, width: int) -> np.ndarray:
    """Return the mean of each value and the `width` - 1 values before it, fewer at the start."""
    total = np.cumsum(values, dtype=float)
    sums = total.copy()
    sums[width:] -= total[:-width]
    return sums / np.minimum(np.arange(len(values)) + 1, width)


def envelope(column: Column, bins: int = BINS) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the last index, lowest and highest value of each of `bins` equal parts of a column."""
    edges = np.linspace(0, len(column), bins + 1).astype(int)
    starts = edges[:-1]
    low = np.minimum.reduceat(column.logged.low, starts)
    return edges[1:] - 1, low, np.maximum.reduceat(column.logged.high, starts)


def y_limits(curves: tuple[Curve, ...]) -> tuple[float, float] | None:
    """Return limits of the y axis, low and high, that cut off outliers; None to cut off nothing.

    At least 99 % of each curve's values are within the limits. Return None if there are no values,
    if these 99 % are all equal, or if an axis of all values is at most CUT times as long as theirs.
    """
    parts = [curve.column for curve in curves if len(curve.column)]
    if not parts:
        return None
    low = min(np.percentile(column.values, 0.5) for column in parts)
    high = max(np.percentile(column.values, 99.5) for column in parts)
    whole = max(np.max(c.logged.high) for c in parts) - min(np.min(c.logged.low) for c in parts)
    if high <= low or whole <= CUT * (high - low):
        return None
    margin = 0.15 * (high - low)
    return low - margin, high + margin


def outside(panel: Panel) -> str:
    """Return a note on the measured values cut off a panel: their number, the furthest; or ""."""
    limits = y_limits(panel.curves + panel.claimed)
    if limits is None:
        return ""
    count, furthest = 0, (0.0, 0.0, 0.0)
    for curve in panel.curves:
        steps, values = curve.column.steps, curve.column.values
        distance = np.maximum(limits[0] - values, values - limits[1])
        count += int((distance > 0).sum())
        worst = int(distance.argmax())
        furthest = max(furthest, (distance[worst], values[worst], steps[worst]))
    if count == 0:
        return ""
    _, value, step = furthest
    are = "value is" if count == 1 else "values are"
    at = f"{panel.x} {round(step, 1):,.15g}"
    return f"{count:,} {are} beyond the axis, the furthest {value:.4g} at {at}"


def thinning(curves: Iterable[Curve], bins: int = BINS) -> str:
    """Return a note that explains full and pale lines; "" if no curve is smoothed."""
    counts = [len(curve.column) for curve in curves if not curve.sparse]
    widths = sorted({window(count) for count in counts} - {1})
    if not widths:
        return ""
    mean = " or ".join(f"{width:,}" for width in widths)
    band = "each step"
    if (longest := max(counts)) >= 2 * bins:
        short = "" if min(counts) >= 2 * bins else "; in short logs, each step"
        band = f"lowest to highest of every {longest / bins:,.0f} steps{short}"
    return f"full line: mean of the last {mean} steps; pale: {band}"


def legend_label(text: str) -> str:
    """Return a name, cut to at most LABEL characters, as matplotlib shows it in a legend."""
    short = cut(text, LABEL)
    return f" {short}" if short.startswith("_") else short  # names that begin with `_` are hidden


def cut(text: str, most: int) -> str:
    """Return `text`; if it has more than `most` characters, its beginning and `...`."""
    return text if len(text) <= most else text[: most - 3] + "..."


def draw_curve(axes: Axes, curve: Curve, bins: int = BINS) -> None:
    """Draw a sparse curve with markers, any other as its moving average, with its values in pale.

    A single value has a marker, too. If there are 2 * `bins` values or more, too many to be seen
    one by one, a pale band shows the lowest and the highest of each of `bins` parts instead.
    """
    column, colour = curve.column, THEME[curve.colour][0]
    label = legend_label(curve.label)
    plot = partial(axes.plot, color=colour, label=label, linestyle=curve.style)
    if curve.sparse or len(column) == 1:  # a line through one point could not be seen
        plot(column.steps, column.values, linewidth=1.6, marker="o", markersize=3.5)
        return
    smooth = smoothed(column.logged.mean, window(len(column)))
    if len(column) >= 2 * bins:
        ends, low, high = envelope(column, bins)
        steps = column.steps[ends]
        axes.fill_between(steps, low, high, step="pre", color=colour, alpha=0.3, linewidth=0)
        plot(steps, smooth[ends], linewidth=1.8)
    else:
        axes.plot(column.steps, column.values, color=colour, alpha=0.3, linewidth=0.7)
        plot(column.steps, smooth, linewidth=1.8)


def draw_claims(axes: Axes, panel: Panel) -> None:
    """Draw a single claim as a horizontal line; several that name epochs, as points over epochs."""
    ink = THEME["ink"][0]
    lines = []
    if len(panel.claims) == 1:
        lines.append(axes.axhline(panel.claims[0][1], linestyle=(0, (1, 2))))
    epochs = [epoch for epoch, _ in panel.claims if epoch is not None]
    if len(epochs) > 1 and panel.x == "epoch":
        values = [value for epoch, value in panel.claims if epoch is not None]
        lines += axes.plot(epochs, values, "s", markersize=6, fillstyle="none")
    for line in lines:
        line.set(color=ink, label="claimed", linewidth=1.2)


def draw_panel(axes: Axes, panel: Panel) -> None:
    """Draw a panel's measured curves, its `claims` and its legend."""
    for curve in panel.curves:
        draw_curve(axes, curve)
    draw_claims(axes, panel)
    if limits := y_limits(panel.curves + panel.claimed):
        axes.set_ylim(*limits)
    dress(axes)
    if panel.x == "step":
        axes.xaxis.set_major_locator(MaxNLocator("auto", steps=TICKS, integer=True, min_n_ticks=1))
    ink, drawn = THEME["ink"][0], len(axes.get_legend_handles_labels()[0])
    axes.set_ylabel(legend_label(panel.title), color=ink)
    if drawn:
        axes.legend(
            loc="lower left",
            bbox_to_anchor=(0, 1.0),
            borderaxespad=0.2,
            frameon=False,
            labelcolor=ink,
            ncols=min(2 if panel.claimed else 3, drawn),  # more would push the claims away
            fontsize=9,
        )


def draw_claimed(axes: Axes, panel: Panel) -> None:
    """Draw a panel's claimed curves, and as pale lines the values measured at the same steps."""
    ink = THEME["ink"][0]
    for curve in panel.claimed:
        colour = THEME[curve.colour][0]
        points = axes.plot(curve.column.steps, curve.column.values, color=colour, linewidth=0.8)
        points[0].set(marker="s", markersize=3.5, fillstyle="none")
    limits, ends = axes.get_xlim(), [curve.column.steps for curve in panel.claimed]
    axes.set_xticks(sorted({min(map(min, ends)), max(map(max, ends))}))  # more would overlap
    for curve in panel.curves:
        colour, steps = THEME[curve.colour][0], curve.column.steps
        near = (steps >= limits[0]) & (steps <= limits[1])
        values = curve.column.values[near]
        axes.plot(steps[near], values, color=colour, alpha=0.3, linewidth=0.7)
    axes.set_xlim(*limits)
    dress(axes)
    axes.tick_params(labelleft=False)
    axes.set_title("claimed", loc="left", fontsize=9, color=ink)


def dress(axes: Axes) -> None:
    """Give `axes` the theme's colours and a grid, and no frame above and to the right."""
    ink, grid = THEME["ink"][0], THEME["grid"][0]
    axes.grid(color=grid, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.tick_params(colors=ink, color=grid)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(grid)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.6g}")
    axes.margins(x=0.01)


def figure_of(panels: list[Panel], epochs: Epochs | None = None, width: float = 8) -> Figure:
    """Return a figure of panels below each other, `width` inches wide.

    With `epochs`, x axes name epochs, too. `claimed` curves have their own x axis on the right.
    """
    ratios = [3, 1] if any(panel.claimed for panel in panels) else [1]
    figure = Figure(figsize=(width, 0.6 + 2.9 * len(panels)), dpi=120, layout="constrained")
    figure.patch.set_alpha(0)
    rows = figure.subplots(
        len(panels), len(ratios), sharey="row", width_ratios=ratios, squeeze=False
    )
    last = rows[-1, 0]
    for (axes, *beside), panel in zip(rows, panels, strict=True):
        if axes is not last:
            axes.sharex(last)
            axes.tick_params(labelbottom=False)
        axes.patch.set_alpha(0)
        draw_panel(axes, panel)
        for right in beside:
            right.patch.set_alpha(0)
            if panel.claimed:
                draw_claimed(right, panel)
                name_steps(right, panel.x, epochs, is_narrow=True)
            else:
                right.set_visible(False)
    name_steps(last, panels[-1].x, epochs)
    return figure


def name_steps(axes: Axes, title: str, epochs: Epochs | None, is_narrow: bool = False) -> None:
    """Write the x axis's title, and below it an axis of epochs if steps go beyond the first epoch.

    If the x axis is shorter than an epoch, its title names the epoch instead. If `epochs` is None,
    there is only the title. If `is_narrow`, the axis of epochs has at most three numbers.
    """
    ink = THEME["ink"][0]
    axes.set_xlabel(title, color=ink)
    first, last = axes.get_xlim()
    if not epochs or last <= epochs.step(1):
        return
    if epochs.of(last) - epochs.of(first) < 1:
        axes.set_xlabel(f"{title}, epoch {epochs.of((first + last) / 2) // 1 + 1:,.0f}")
        return
    both = (epochs.of, epochs.step)
    lower = axes.secondary_xaxis(-0.22, functions=both)  # type: ignore[arg-type]  # for arrays
    lower.set_xlabel("epoch", color=ink)
    lower.tick_params(colors=ink, color=THEME["grid"][0])
    lower.spines["bottom"].set_visible(False)
    if is_narrow:
        lower.xaxis.set_major_locator(MaxNLocator(2, integer=True))
