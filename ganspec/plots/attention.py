"""Pictures of self-attention: images with dots, called queries, and an attention map per query."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from ganspec.plots.curves import THEME
from ganspec.plots.saving import save, undated

COLOURS = ("blue", "orange", "green", "pink", "ochre")  # of the five queries' dots, keys of THEME
SIDE = 1.1  # width and height in inches of an image or a map


@dataclass(frozen=True)
class AttentionMaps:
    """The attention of one layer: images, uint8 N x H x W x C, and maps, N x queries x h x w.

    `layer` is the layer's key path. `queries` are five positions, down and across, as shares of the
    image's height and width. A map has the weight that a query gives to each position of the
    layer's input, after pooling if the layer pools it. The layer adds its attention, times the
    learned `gamma`, to its input.
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


def plot_attention(layers: Sequence[AttentionMaps], path: Path) -> None:
    """Write a PNG, PDF or SVG with each layer's images and, beside each, one map per query.

    The ending of `path` chooses the form; if it has no ending, like a FIFO's, a PNG is written.
    Each query is a dot in the image and in its map. A map is bright at the positions that the query
    attends to, and scaled to its own maximum (after Zhang et al., 2019, figure 5).
    """
    columns = 1 + max(len(each.queries) for each in layers)
    heights = [SIDE * len(each.images) + 0.3 for each in layers]
    figure = Figure(figsize=(SIDE * columns, sum(heights)), dpi=120, layout="constrained")
    parts = figure.subfigures(len(layers), 1, height_ratios=heights, squeeze=False)[:, 0]
    for part, each in zip(parts, layers, strict=True):
        part.suptitle(each.title, fontsize=9, color=THEME["ink"][0])
        rows = part.subplots(len(each.images), columns, squeeze=False)
        for axes, image, maps in zip(rows, each.images, each.maps, strict=True):
            draw_row(axes, image, maps, each.queries)
    form = path.suffix[1:].lower() or "png"
    save(figure, path, format=form, facecolor="white", metadata=undated(form))


def draw_row(
    axes: np.ndarray, image: np.ndarray, maps: np.ndarray, queries: Sequence[tuple[float, float]]
) -> None:
    """Draw an image with a dot for each query, and to its right each query's map with its dot.

    `axes` are 1 + queries of matplotlib's `Axes`. `image` is uint8 H x W x C, `maps` are
    queries x h x w.
    """
    height, width = image.shape[:2]
    frame = (0, width, height, 0)
    for each in axes:
        each.set_axis_off()
    axes[0].imshow(image.squeeze(), cmap="gray", vmin=0, vmax=255, extent=frame)
    for (down, across), weights, name, right in zip(queries, maps, COLOURS, axes[1:], strict=True):
        right.imshow(weights, cmap="viridis", vmin=0, extent=frame)
        look = {"color": THEME[name][0], "markeredgecolor": "white", "markersize": 5}
        for each in (axes[0], right):
            each.plot(across * width, down * height, "o", **look)
