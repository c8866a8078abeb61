"""A run's log as columns: for each name, an array of steps and one of values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

LOOKS = {  # name in the log: label and colour in plots
    "d_loss": ("discriminator", "blue"),
    "g_loss": ("generator", "orange"),
    "q_loss": ("labels", "green"),
    "d_real": ("on real images", "sky"),
    "d_fake": ("on generated images", "pink"),
    "loss": ("training", "blue"),
    "real_accuracy": ("real images", "blue"),
    "fake_accuracy": ("generated images", "orange"),
    "accuracy": ("training", "blue"),
    "test_loss": ("test", "orange"),
    "test_accuracy": ("test", "orange"),
}
HUGE = 1e100  # larger values are left out: their sums and axes overflow


@dataclass(frozen=True)
class Column:
    """The values of one name in the log, and the training steps at which they were logged."""

    steps: np.ndarray
    values: np.ndarray

    def __len__(self) -> int:
        return len(self.steps)

    def equals(self, other: Column) -> bool:
        """Return True if both have the same steps and values."""
        pairs = ((self.steps, other.steps), (self.values, other.values))
        return all(np.array_equal(mine, others) for mine, others in pairs)


@dataclass(frozen=True)
class Epochs:
    """Epochs of `steps` training steps each; the first begins after `warmup` training steps."""

    steps: int
    warmup: int = 0

    def of(self, step: float) -> float:
        return (step - self.warmup) / self.steps

    def step(self, epoch: float) -> float:
        return epoch * self.steps + self.warmup


def joined(parts: Sequence[Column]) -> Column:
    """Return several columns of one name as one, sorted by step."""
    steps, values = (np.concatenate([getattr(c, n) for c in parts]) for n in ("steps", "values"))
    order = np.argsort(steps, kind="stable")
    return Column(steps[order], values[order])


def columns(rows: Iterable[Mapping[str, object]]) -> dict[str, Column]:
    """Return the log's columns by name, sorted by step, without huge or non-finite numbers."""
    pairs: dict[str, list[tuple[float, float]]] = {}
    for row in rows:
        step = _number(row["step"])
        for name, value in row.items():
            number = _number(value)
            if name != "step" and step is not None and number is not None:
                pairs.setdefault(name, []).append((step, number))
    result = {}
    for name, numbers in pairs.items():
        steps, values = np.asarray(numbers, float).T
        finite = (np.abs(values) < HUGE) & (np.abs(steps) < 2**53)
        order = np.argsort(steps[finite], kind="stable")
        if len(order):
            result[name] = Column(steps[finite][order], values[finite][order])
    return result


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if isinstance(value, int) and abs(value) >= 2**63:  # perhaps too large for a float
        return None
    return value
