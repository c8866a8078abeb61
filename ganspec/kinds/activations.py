"""Features and logits of images, which an extractor computes and metrics read."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
import torch

KEPT = 10_000  # features and logits are kept of at most this many real images, evenly spaced


@dataclass(frozen=True)
class Activations:
    """Outputs of a feature extractor for `count` images.

    `mean` and `covariance` are those of the features of all images. `features`, float32 N x
    features, and `logits`, N x classes and before a softmax, may be of only some of the images.
    `labels`, int64 N or multi-hot N x classes, are those for which the images were generated, or
    those of the real images; None if there are none. `names` are the names of the classes, () if
    they are unknown.
    """

    count: int
    mean: np.ndarray
    covariance: np.ndarray
    features: torch.Tensor
    logits: torch.Tensor
    labels: torch.Tensor | None = None
    names: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        """Number of features per image."""
        return len(self.mean)

    def with_labels(self, labels: torch.Tensor | None, names: Iterable[str]) -> Activations:
        """Return a copy with these labels and class names."""
        return replace(self, labels=labels, names=tuple(names))


class Moments:
    """Computes mean and covariance of rows that are added in parts, in double precision.

    It sums differences from the first part's mean, so that a large mean loses no precision.
    """

    def __init__(self):
        self.count, self.origin = 0, torch.zeros(())

    def add(self, rows: torch.Tensor) -> None:
        """Add rows of shape N x features."""
        rows = rows.double()
        if self.count == 0:
            self.origin = rows.mean(0)
            self.sums = torch.zeros_like(self.origin)
            self.products = self.origin.new_zeros(len(self.origin), len(self.origin))
        rows = rows - self.origin
        self.count += len(rows)
        self.sums += rows.sum(0)
        self.products.addmm_(rows.T, rows)

    def result(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the mean, one number per feature, and the covariance, features x features.

        The covariance is divided by the number of rows minus 1; it is 0 for a single row.
        """
        shift = self.sums / self.count
        spread = self.products - self.count * torch.outer(shift, shift)
        covariance = spread / max(1, self.count - 1)
        return (self.origin + shift).numpy(), covariance.numpy()


def gather(
    parts: Iterable[tuple[torch.Tensor, torch.Tensor]], total: int, limit: int | None = None
) -> Activations:
    """Return the activations of the images in `parts`, which yields features and logits by batches.

    `total` is the number of images in all parts. The mean and the covariance are of all images. If
    `limit` is less than `total`, features and logits are of only `limit` evenly spaced images.
    """
    moments, rows = Moments(), []
    buffer: list[torch.Tensor] = []
    limit = total if limit is None else min(limit, total)
    places = torch.arange(limit) * total // max(1, limit)
    start = 0
    for features, logits in parts:
        # one matrix product of 1,000 rows is several times as fast as many small ones
        buffer.append(features)
        if sum(map(len, buffer)) >= 1000:
            moments.add(torch.cat(buffer))
            buffer = []
        here = places[(places >= start) & (places < start + len(features))] - start
        rows.append((features[here], logits[here]))
        start += len(features)
    if buffer:
        moments.add(torch.cat(buffer))
    features, logits = (torch.cat(column) for column in zip(*rows, strict=True))
    return Activations(moments.count, *moments.result(), features, logits)
