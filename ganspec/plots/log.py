"""A run's log as columns: for each name, an array of training steps and one of values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np

LOOKS = {  # by a column's name in the log: its label in plots and its colour, a key of THEME
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
HUGE = 1e100  # values beyond HUGE or -HUGE are left out: sums of them and their axes overflow


@dataclass(frozen=True)
class Band:
    """The lowest, the highest and the mean of the logged values near each point of a column.

    `count` is the number of values that were logged.
    """

    low: np.ndarray
    high: np.ndarray
    mean: np.ndarray
    count: int


@dataclass(frozen=True)
class Column:
    """The values of one name in the log, and the training steps at which they were logged.

    A column with a `band` is thinned: it has only some of the logged values. In plots of scores,
    `steps` may be epochs.
    """

    steps: np.ndarray
    values: np.ndarray
    band: Band | None = None

    def __len__(self) -> int:
        return len(self.steps)

    @property
    def logged(self) -> Band:
        """The band; if the column is not thinned, one in which each point has its own value."""
        return self.band or Band(self.values, self.values, self.values, len(self))

    def equals(self, other: Column) -> bool:
        """Return True if this column and `other` have the same steps and values."""
        pairs = ((self.steps, other.steps), (self.values, other.values))
        return all(np.array_equal(mine, others) for mine, others in pairs)


@dataclass(frozen=True)
class Epochs:
    """The conversion of training steps to epochs, and back.

    An epoch is `steps` training steps; the first begins after `warmup` training steps.
    """

    steps: int
    warmup: int = 0

    def of(self, step: float) -> float:
        """Return the epochs done after a training step, with a fraction; below 0 in warm-up."""
        return (step - self.warmup) / self.steps

    def step(self, epoch: float) -> float:
        """Return the training step after which `epoch` epochs are done."""
        return epoch * self.steps + self.warmup


def joined(parts: Sequence[Column]) -> Column:
    """Return the values of several columns as one column, sorted by step, without bands."""
    steps = np.concatenate([part.steps for part in parts])
    order = np.argsort(steps, kind="stable")
    return Column(steps[order], np.concatenate([part.values for part in parts])[order])


def columns(rows: Iterable[Mapping[str, object]]) -> dict[str, Column]:
    """Return the columns of a log's rows by name, each sorted by step.

    Each row has a `step`. Values that are no numbers, not finite, or beyond HUGE are left out, as
    are values at steps of 2^53 and more, and columns without other values.
    """
    tables: dict[tuple[str, ...], list[Iterable[object]]] = {}  # values of rows, by the rows' names
    for row in rows:
        tables.setdefault(tuple(row), []).append(row.values())
    parts: dict[str, list[Column]] = {}
    for names, values in tables.items():
        table = dict(zip(names, numbers(values).reshape(-1, len(names)).T, strict=True))
        steps = table.pop("step")
        for name, column in table.items():
            finite = (np.abs(column) < HUGE) & (np.abs(steps) < 2**53)
            if finite.any():
                parts.setdefault(name, []).append(Column(steps[finite], column[finite]))
    return {name: joined(columns) for name, columns in parts.items()}


def numbers(rows: list[Iterable[object]]) -> np.ndarray:
    """Return the values of all rows, in order, as one array of floats; NaN if not a number."""
    flat = list(chain.from_iterable(rows))
    if set(map(type, flat)) <= {int, float}:
        try:
            return np.array(flat, float)
        except OverflowError:  # a whole number is too large for a float
            pass
    return np.array([_number(value) for value in flat], float)


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value)
    except OverflowError:
        return None
