"""What a feature extractor makes of a set of images, as the metrics read it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
import torch

KEPT = 10_000  # rows of real images whose features are kept: enough for all but the statistics


@dataclass(frozen=True)
class Activations:
    """Mean and covariance of the features of `count` images, and the rows of some or all of them.

    `features` are float32 N x features, `logits` N x classes, whose softmax are probabilities.
    `labels` are what the images were asked to be, int64 N or, 0 and 1, N x classes; `names` those
    of the classes.
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
        """How many features an image has."""
        return len(self.mean)

    def asked(self, labels: torch.Tensor | None, names: Iterable[str]) -> Activations:
        """The same, of images that were asked to be `labels`."""
        return replace(self, labels=labels, names=tuple(names))


class Moments:
    """Mean and covariance of rows that come in parts, in double precision.

    Sums are taken about the first part's mean, so that large means cost no digits.
    """

    def __init__(self):
        self.count, self.origin = 0, None

    def add(self, rows: torch.Tensor) -> None:
        """Take in rows, N x features."""
        rows = rows.double()
        if self.origin is None:
            self.origin = rows.mean(0)
            self.sums = torch.zeros_like(self.origin)
            self.products = self.origin.new_zeros(len(self.origin), len(self.origin))
        rows = rows - self.origin
        self.count += len(rows)
        self.sums += rows.sum(0)
        self.products.addmm_(rows.T, rows)

    def result(self) -> tuple[np.ndarray, np.ndarray]:
        """Mean and covariance, the latter divided by one less than the count."""
        shift = self.sums / self.count
        spread = self.products - self.count * torch.outer(shift, shift)
        covariance = spread / max(1, self.count - 1)
        return (self.origin + shift).numpy(), covariance.numpy()


def gathered(
    parts: Iterable[tuple[torch.Tensor, torch.Tensor]], total: int, kept: int | None = None
) -> Activations:
    """Features and logits that come in parts, `total` rows in all, as one.

    Statistics are of all rows; of the rows themselves `kept` evenly spaced ones stay, None standing
    for all.
    """
    moments, rows, waiting = Moments(), [], []
    kept = total if kept is None else min(kept, total)
    places = torch.arange(kept) * total // max(1, kept)
    start = 0
    for features, logits in parts:
        # few large products are several times as fast as many small ones
        waiting.append(features)
        if sum(map(len, waiting)) >= 1000:
            moments.add(torch.cat(waiting))
            waiting = []
        here = places[(places >= start) & (places < start + len(features))] - start
        rows.append((features[here], logits[here]))
        start += len(features)
    if waiting:
        moments.add(torch.cat(waiting))
    features, logits = (torch.cat(column) for column in zip(*rows, strict=True))
    return Activations(moments.count, *moments.result(), features, logits)


def whole(features: torch.Tensor, logits: torch.Tensor | None = None) -> Activations:
    """The activations of rows that are all at hand."""
    logits = features[:, :0] if logits is None else logits
    return gathered([(features, logits)], len(features))
