"""The options of a training."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TypeAlias

BOTH = "--resume goes on with the run that --overwrite would replace; choose one"
OnProgress: TypeAlias = Callable[[int, int, dict[str, float]], None]


class TrackerName(StrEnum):
    """The trackers, each a module of `ganspec.training.trackers`."""

    tensorboard = "tensorboard"
    wandb = "wandb"
    mlflow = "mlflow"
    trackio = "trackio"


@dataclass(frozen=True)
class TrainingOptions:
    """The options of `ganspec.train`, which describes each of them."""

    data: Path | str | None = None
    device: str = "auto"
    steps: int | None = None
    minutes: float | None = None
    resume: bool = False
    overwrite: bool = False
    progress: OnProgress | bool | None = True
    track: str | Sequence[str] = ()
    exact: bool = False
    precision: str | None = None
    speedups: Iterable[str] | str = "auto"

    @property
    def trackers(self) -> tuple[str, ...]:
        """The names of the trackers."""
        return (self.track,) if isinstance(self.track, str) else tuple(self.track)
