"""Images to write into a file, which are drawn batch by batch, and the columns of their grid."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

import torch

from ganspec.sampling.sampler import Sampler
from ganspec.systems.grid import CLASS_COLUMNS
from ganspec.systems.room import require_memory

OnProgress: TypeAlias = Callable[[int, int], None]  # called with (images done, images in all)
LABEL_COLUMNS = 8  # columns of a grid with more labels than CLASS_COLUMNS


@dataclass(frozen=True)
class Ranking:
    """The best images' scores by the discriminator, and their indices among all drawn images."""

    scores: torch.Tensor
    indices: torch.Tensor


@dataclass(frozen=True)
class Pictures:
    """Images, with their count and shape, which a file needs before the first image is drawn.

    `batches` yields images, uint8 N x C x H x W, with labels: int64 N, float N x classes, or None.
    `shape` is (channels, height, width). `columns` is the number of columns of a grid. `ranking` is
    None unless the images were chosen as the best ones.
    """

    batches: Iterator[tuple[torch.Tensor, torch.Tensor | None]]
    count: int
    shape: tuple[int, int, int]
    columns: int
    ranking: Ranking | None = None

    def all_images(self, on_progress: OnProgress) -> torch.Tensor:
        """Draw all images. Return them as one batch, uint8 N x C x H x W.

        Raises RoomError if they do not fit into memory.
        """
        require_memory(self.count, self.shape)
        batches = []
        for images, _ in self.batches:
            batches.append(images)
            on_progress(sum(map(len, batches)), self.count)
        return torch.cat(batches)


def new_images(sampler: Sampler, count: int, seed: int) -> Pictures:
    """Return `count` images that `seed` draws, with the sampler's labels in turn."""
    batches = sampler.images(count, seed)
    return Pictures(batches, count, sampler.spec.data.shape, columns_of(sampler, count))


def columns_of(sampler: Sampler, count: int) -> int:
    """Return the number of columns of a grid of `count` images.

    If the user chose at most CLASS_COLUMNS labels, each label has one or more columns of its own;
    for more labels, there are LABEL_COLUMNS. Without a choice, the columns are those of the run's
    own grids. With one label or none, the grid is about square.
    """
    if sampler.labels is None or len(sampler.labels) == 1:
        return square(count)
    labels = len(sampler.labels)
    if not sampler.has_chosen_labels:
        columns = sampler.cfg.columns
    elif labels > CLASS_COLUMNS:
        columns = LABEL_COLUMNS
    else:
        columns = labels * max(1, round(math.sqrt(count) / labels))
    return min(columns, count)


def square(count: int) -> int:
    """Return the number of columns of a grid of `count` images that is about square.

    If a number close to the root of `count` divides it, the last row has no gap.
    """
    side = math.isqrt(count - 1) + 1
    filling = (columns for columns in range(side, side + side // 2 + 1) if count % columns == 0)
    return next(filling, side)
