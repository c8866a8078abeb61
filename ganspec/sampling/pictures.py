"""Images on their way into a file."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch

from ganspec.sampling.sampler import Sampler
from ganspec.systems.grid import CLASS_COLUMNS

Progress = Callable[[int, int], None]  # told how many images of how many there are
WIDE = 8  # images in a row where nothing else says


@dataclass(frozen=True)
class Pictures:
    """Images and what a file needs to know of them before the first one is there.

    `batches` are uint8 N x C x H x W with labels, int64 N or float N x classes, or None; `columns`
    make a good grid of them. `scores` are the discriminator's, where it chose them, and `chosen`
    their places among those that it chose from.
    """

    batches: Iterator[tuple[torch.Tensor, torch.Tensor | None]]
    count: int
    shape: tuple[int, int, int]
    columns: int
    scores: torch.Tensor | None = None
    chosen: torch.Tensor | None = None

    def whole(self, progress: Progress) -> torch.Tensor:
        """All images at once."""
        done = []
        for images, _ in self.batches:
            done.append(images)
            progress(sum(map(len, done)), self.count)
        return torch.cat(done)


def new_images(sampler: Sampler, count: int, seed: int) -> Pictures:
    """`count` images that `seed` draws."""
    batches = sampler.images(count, seed)
    return Pictures(batches, count, sampler.spec.data.shape, columns_of(sampler, count))


def columns_of(sampler: Sampler, count: int) -> int:
    """Columns of a grid of `count` images: a label one or more, else about as many as rows."""
    if sampler.labels is None or len(sampler.labels) == 1:
        return square(count)
    labels = len(sampler.labels)
    if not sampler.asked:
        columns = sampler.cfg.columns
    elif labels > CLASS_COLUMNS:
        columns = WIDE
    else:
        columns = labels * max(1, round(math.sqrt(count) / labels))
    return min(columns, count)


def square(count: int) -> int:
    """Columns that `count` images fill, where the grid is not far from a square."""
    side = math.isqrt(count - 1) + 1
    filling = (columns for columns in range(side, side + side // 2 + 1) if count % columns == 0)
    return next(filling, side)
