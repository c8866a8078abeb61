"""Base class of metrics: numbers computed from the features and logits of images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch

from ganspec.kinds.activations import Activations
from ganspec.language.errors import GanspecError
from ganspec.language.kinds import Kind, kinds_of


class MetricError(GanspecError):
    """Raised when a metric is unknown, cannot be computed, or returns wrong values."""


@dataclass(frozen=True)
class MetricValue:
    """One number of a metric.

    `metric` is one of the metric's `names`. `deviation` is the standard deviation of the value over
    parts of the images. `references` is the number of real images that the value was computed from;
    None means all real images, if the metric is `paired`. `note` is a remark that is printed with
    the value. `per_class` has values of single classes by the classes' names.
    """

    metric: str
    value: float
    deviation: float | None = None
    references: int | None = None
    note: str = ""
    per_class: dict[str, float] | None = None


class Metric(Kind, family="metric"):
    """A measure of images, computed from their features or logits.

    A kind defines `measure` and these attributes. `names` are the names of its values; if the
    metric is the first in a spec's `evaluate`, the first of them tells which weights are best.
    `higher` is True if a higher value is better. `paired` is True if the metric compares the images
    with real ones, the references. A metric that reads only logits sets `reads_features` to False.
    `unit` is printed after the values.
    """

    names: ClassVar[tuple[str, ...]]
    higher: ClassVar[bool]
    paired: ClassVar[bool] = True
    reads_features: ClassVar[bool] = True
    unit: ClassVar[str] = ""

    @property
    def least(self) -> int:
        """Smallest number of images to measure; if `paired`, of references, too."""
        return 1

    def demand(self, *counts: int) -> None:
        """Raise MetricError if a number of images in `counts` is less than `least`."""
        if min(counts) < self.least:
            sides = " on each side" if self.paired else ""
            few = f"{self.least:,} images or more{sides}, not {min(counts):,}"
            raise MetricError(f"{self.kind} needs {few}")

    def refusal(self, classes: str | None, labels: torch.Tensor | None) -> str | None:
        """Return the reason why this extractor or these labels do not fit; None if they do.

        `classes` is `classes` if the extractor predicts one class per image, `multi_hot` if it
        predicts several, and None if its classes are not a data set's labels. `labels` are the
        images' labels, as in `Activations`.
        """
        return None

    def measure(self, fake: Activations, real: Activations | None, seed: int) -> list[MetricValue]:
        """Return a value for each of `names`. Raise MetricError if they cannot be computed.

        `real` is None if the metric is not `paired`. All random numbers depend on `seed` only.
        """
        raise NotImplementedError


def metric_kinds() -> dict[str, type[Metric]]:
    """Return the classes of all kinds of metric by the kinds' names."""
    kinds = kinds_of("metric").items()
    return {name: kind for name, kind in kinds if issubclass(kind, Metric)}


def metric_of(name: str) -> type[Metric] | None:
    """Return the kind of metric that computes the value `name`; None if no kind computes it."""
    return next((kind for kind in metric_kinds().values() if name in kind.names), None)
