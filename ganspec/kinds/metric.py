"""What every metric is: numbers from what an extractor makes of images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch

from ganspec.kinds.activations import Activations
from ganspec.language.errors import GanspecError
from ganspec.language.kinds import Kind, kinds_of


class MetricError(GanspecError):
    """Images, or an extractor, that a metric cannot be taken on."""


@dataclass(frozen=True)
class Measured:
    """One number; `images` and `references` count the rows that it rests on, where not all."""

    metric: str
    value: float
    deviation: float | None = None
    references: int | None = None
    note: str = ""
    per_class: dict[str, float] | None = None


class Metric(Kind, family="metric"):
    """A score of generated images, by torch-fidelity where that has it.

    `names` are what its numbers are called, the one by which checkpoints are told apart first;
    `higher` says whether more of it is better. `paired` metrics hold the images against real
    ones; the others can be taken of real images, too. Those without `reads_features` read the
    extractor's outputs alone. `unit` stands behind its values. `measure` draws from `seed` alone.
    """

    names: ClassVar[tuple[str, ...]]
    higher: ClassVar[bool]
    paired: ClassVar[bool] = True
    reads_features: ClassVar[bool] = True
    unit: ClassVar[str] = ""

    @property
    def least(self) -> int:
        """The fewest images, on each side, that it can be taken of."""
        return 1

    def demand(self, *counts: int) -> None:
        """Raise MetricError where it cannot be taken of so many images, on each side."""
        if min(counts) < self.least:
            sides = " on each side" if self.paired else ""
            few = f"{self.least:,} images or more{sides}, not {min(counts):,}"
            raise MetricError(f"{self.kind} needs {few}")

    def refusal(self, classes: str | None, labels: torch.Tensor | None) -> str | None:
        """Why its numbers would mean nothing, or None where they have a meaning.

        `classes` is what the extractor tells apart: `classes`, several at once (`multi_hot`), or
        None where these are not the labels of any data set. `labels` are as in `Activations`.
        """
        return None

    def measure(self, made: Activations, real: Activations | None, seed: int) -> list[Measured]:
        """The numbers, for each of `names`; raises MetricError where there are none."""
        raise NotImplementedError


def metric_kinds() -> dict[str, type[Metric]]:
    """Return every kind of metric by name."""
    kinds_of("metric")  # imports the folder of metrics the first time
    return Metric.kinds
