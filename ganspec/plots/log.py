"""The log of a run as columns of numbers, by step."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

HUGE = 1e100  # no loss is; sums and axes of such numbers overflow


@dataclass(frozen=True)
class Column:
    """One name of the log: the steps that have it, and its values there."""

    steps: np.ndarray
    values: np.ndarray

    def __len__(self) -> int:
        return len(self.steps)


@dataclass(frozen=True)
class Epochs:
    """Epochs of `steps` steps each, after those of the warm-up."""

    steps: int
    warmup: int = 0

    def of(self, step: float) -> float:
        return (step - self.warmup) / self.steps

    def step(self, epoch: float) -> float:
        return epoch * self.steps + self.warmup


def columns(rows: list[dict[str, object]]) -> dict[str, Column]:
    """Return the log's numbers by name, in order of their steps, without huge ones."""
    found: dict[str, tuple[list[float], list[float]]] = {}
    for row in rows:
        step = row["step"]
        for name, value in row.items():
            if name != "step" and _is_number(value) and _is_number(step):
                steps, values = found.setdefault(name, ([], []))
                steps.append(step)
                values.append(value)
    made = {}
    for name, (steps, values) in found.items():
        steps, values = np.asarray(steps, float), np.asarray(values, float)
        finite = (np.abs(values) < HUGE) & (np.abs(steps) < 2**53)
        order = np.argsort(steps[finite], kind="stable")
        if len(order):
            made[name] = Column(steps[finite][order], values[finite][order])
    return made


def _is_number(value: object) -> bool:
    # a whole number may be too large for a float
    return isinstance(value, float) or (type(value) is int and abs(value) < 2**63)
