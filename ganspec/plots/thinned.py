"""A log of any length in a bounded number of points, for plots during a training."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields

import numpy as np

from ganspec.plots.log import Band, Column, columns

MOST = 2400  # most bins of a column in memory; a plot draws at most half as many points


@dataclass(frozen=True)
class Bins:
    """Bins of one column, as arrays of equal length.

    A bin is a range of training steps; `index` numbers bins from 0. Each entry has the newest step
    and value of a bin, and the number, sum, minimum and maximum of its values. Several entries may
    be of the same bin until they are `grouped`.
    """

    index: np.ndarray
    step: np.ndarray
    value: np.ndarray
    count: np.ndarray
    total: np.ndarray
    low: np.ndarray
    high: np.ndarray

    @classmethod
    def of(cls, column: Column, width: int) -> Bins:
        """Return an entry for each value of `column`, where a bin has `width` steps."""
        index = (column.steps.astype(np.int64) - 1) // width
        ones = np.ones(len(column), np.int64)
        return cls(index, column.steps, column.values, ones, *3 * (column.values,))

    def merged(self, others: Bins) -> Bins:
        """Return these bins and `others` together, with one entry for each bin."""
        names = [field.name for field in fields(self)]
        both = (np.concatenate([getattr(self, n), getattr(others, n)]) for n in names)
        return Bins(*both).grouped()

    def widened(self) -> Bins:
        """Return the same values in bins that are twice as wide, with one entry for each bin."""
        others = [getattr(self, field.name) for field in fields(self)[1:]]
        return Bins(self.index // 2, *others).grouped()

    def grouped(self) -> Bins:
        """Return the bins in order of their index, with one entry for each bin."""
        order = np.argsort(self.index, kind="stable")
        index = self.index[order]
        starts = np.flatnonzero(np.diff(index, prepend=index[0] - 1))
        ends = np.append(starts[1:], len(index)) - 1

        def reduced(function: np.ufunc, values: np.ndarray) -> np.ndarray:
            return function.reduceat(values[order], starts)

        return Bins(
            index[starts],
            self.step[order][ends],
            self.value[order][ends],
            reduced(np.add, self.count),
            reduced(np.add, self.total),
            reduced(np.minimum, self.low),
            reduced(np.maximum, self.high),
        )


class ThinnedLog:
    """The columns of a log whose rows are added a few at a time.

    A column keeps one point for each bin of steps: the newest value, the mean, the lowest and the
    highest. When a step is beyond the first MOST bins, the bins of all columns become twice as
    wide. So the points depend on the rows alone, and not on the calls that added the rows.
    """

    def __init__(self) -> None:
        self.width = 1  # steps in a bin
        self.bins: dict[str, Bins] = {}

    def add(self, rows: Iterable[Mapping[str, object]]) -> None:
        """Add rows of the log, each with a `step`."""
        for name, column in columns(rows).items():
            made = Bins.of(column, self.width)
            self.bins[name] = self.bins[name].merged(made) if name in self.bins else made.grouped()
        while any(bins.index[-1] >= MOST for bins in self.bins.values()):
            self.width *= 2
            self.bins = {name: bins.widened() for name, bins in self.bins.items()}

    def columns(self) -> dict[str, Column]:
        """Return the columns by name; they have bands once a bin has more than one step."""
        return {
            name: Column(
                bins.step,
                bins.value,
                Band(bins.low, bins.high, bins.total / bins.count, int(bins.count.sum()))
                if self.width > 1
                else None,
            )
            for name, bins in self.bins.items()
        }
