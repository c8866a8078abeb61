"""Base class of metrics: numbers computed from the features and logits of images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch

from ganspec.kinds.activations import Activations
from ganspec.language.errors import GanspecError
from ganspec.language.kinds import Kind, kinds_of


class MetricError(GanspecError):
    """Images or an extractor for which a metric has no value."""


@dataclass(frozen=True)
class MetricValue:
    """One number of a metric.

    `deviation` is its standard deviation over parts of the images, and `references` the number of
    real images in it if not all are. `note` is a remark for readers.
    """

    metric: str
    value: float
    deviation: float | None = None
    references: int | None = None
    note: str = ""
    per_class: dict[str, float] | None = None


class Metric(Kind, family="metric"):
    """A score of generated images, computed by torch-fidelity if that has it.

    A kind defines `measure` and these settings. `names` are the names of its numbers; the first of
    them ranks checkpoints. `higher` is True if more is better. `paired` metrics compare with real
    images; others can score real images too. A metric that reads logits alone sets `reads_features`
    to False. `unit` is printed after the values.
    """

    names: ClassVar[tuple[str, ...]]
    higher: ClassVar[bool]
    paired: ClassVar[bool] = True
    reads_features: ClassVar[bool] = True
    unit: ClassVar[str] = ""

    @property
    def least(self) -> int:
        """The smallest number of images that has a value, on each side if `paired`."""
        return 1

    def demand(self, *counts: int) -> None:
        """Raise MetricError if one of the numbers of images is too small."""
        if min(counts) < self.least:
            sides = " on each side" if self.paired else ""
            few = f"{self.least:,} images or more{sides}, not {min(counts):,}"
            raise MetricError(f"{self.kind} needs {few}")

    def refusal(self, classes: str | None, labels: torch.Tensor | None) -> str | None:
        """Return the reason why values would mean nothing, or None if they mean something.

        `classes` is `classes` for an extractor that predicts one class an image, `multi_hot` for
        one that predicts several, and None for one whose classes are of no data set. `labels` are
        as in `Activations`.
        """
        return None

    def measure(self, fake: Activations, real: Activations | None, seed: int) -> list[MetricValue]:
        """Return a value for each of `names`. Raise MetricError if there is none.

        `real` is None if the metric is not `paired`. Random numbers come from `seed` alone.
        """
        raise NotImplementedError


def metric_kinds() -> dict[str, type[Metric]]:
    """Return every kind of metric by name."""
    kinds = kinds_of("metric").items()
    return {name: kind for name, kind in kinds if issubclass(kind, Metric)}
