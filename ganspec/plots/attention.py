"""Pictures of self-attention: images, and where queries in them look."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ganspec.atomic import replacing
from ganspec.plots.curves import THEME, undated

COLOURS = ("blue", "orange", "green", "pink", "ochre")  # of the queries
SIDE = 1.1  # inches of an image


@dataclass(frozen=True)
class AttentionMaps:
    """The attention of one layer: images, uint8 N x H x W x C, and maps, N x queries x h x w.

    `queries` are places, down and across, as shares of the image. `gamma` is the layer's weight of
    what it attends to: at 0 the layer returns its input.
    """

    layer: str
    gamma: float
    images: np.ndarray
    queries: Sequence[tuple[float, float]]
    maps: np.ndarray

    @property
    def title(self) -> str:
        height, width = self.maps.shape[2:]
        return f"{self.layer}: attention to {height} x {width} places, gamma {self.gamma:.3g}"


def plot_attention(found: Sequence[AttentionMaps], path: Path) -> None:
    """Draw each layer's images and, beside each, one map per query, into a PNG, PDF or SVG.

    A `path` without an ending, such as a FIFO, becomes a PNG.

    Each query is a dot in the image and in its map. A map is bright where the query looks, scaled
    to its own maximum (after Zhang et al., 2019, figure 5).
    """
    columns = 1 + max(len(each.queries) for each in found)
    heights = [SIDE * len(each.images) + 0.3 for each in found]
    figure = Figure(figsize=(SIDE * columns, sum(heights)), dpi=120, layout="constrained")
    parts = figure.subfigures(len(found), 1, height_ratios=heights, squeeze=False)[:, 0]
    for part, each in zip(parts, found, strict=True):
        part.suptitle(each.title, fontsize=9, color=THEME["ink"][0])
        rows = part.subplots(len(each.images), columns, squeeze=False)
        for axes, image, maps in zip(rows, each.images, each.maps, strict=True):
            draw_row(axes, image, maps, each.queries)
    with replacing(path) as temporary:
        form = path.suffix[1:].lower() or "png"
        figure.savefig(temporary, format=form, facecolor="white", metadata=undated(form))


def draw_row(
    axes: np.ndarray, image: np.ndarray, maps: np.ndarray, queries: Sequence[tuple[float, float]]
) -> None:
    """Draw an image with a dot per query, and each query's map with its dot."""
    height, width = image.shape[:2]
    frame = (0, width, height, 0)
    for each in axes:
        each.set_axis_off()
    axes[0].imshow(image.squeeze(), cmap="gray", vmin=0, vmax=255, extent=frame)
    for place, look, colour, right in zip(queries, maps, COLOURS, axes[1:], strict=True):
        right.imshow(look, cmap="viridis", vmin=0, extent=frame)
        for each in (axes[0], right):
            dot(each, place[1] * width, place[0] * height, THEME[colour][0])


def dot(axes: Axes, x: float, y: float, colour: str) -> None:
    """Draw a query's place."""
    axes.plot(x, y, "o", color=colour, markeredgecolor="white", markersize=5)
