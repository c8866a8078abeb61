"""The options of a training."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from numbers import Integral, Real
from pathlib import Path
from typing import TypeAlias

from ganspec.language.errors import quoted
from ganspec.language.names import entries_of
from ganspec.language.paths import is_path
from ganspec.runs.folder import RunError, require_flag

OnProgress: TypeAlias = Callable[[int, int, dict[str, float]], None]  # step, last step, losses


class TrackerName(StrEnum):
    """The trackers, each a module of `ganspec.training.trackers`."""

    tensorboard = "tensorboard"
    wandb = "wandb"
    mlflow = "mlflow"
    trackio = "trackio"


def require_number(name: str, value: object, least: int, whole: bool = True) -> None:
    """Raise RunError unless the option `name` is None or a number from `least` up.

    With `whole`, the number must be whole.
    """
    is_number = isinstance(value, Integral if whole else Real) and not isinstance(value, bool)
    if value is not None and not (is_number and value >= least):  # type: ignore[operator]
        kind = "a whole number" if whole else "a number"
        raise RunError(f"{name} is {value!r}: name {kind} from {least} up, or None")


def named_path(name: str, path: Path | str | None) -> Path | None:
    """Return `path`, the value of the option `name`, as a Path; None if it is None.

    Raises RunError if it is no path; an empty text is no path.
    """
    if path is None:
        return None
    if not is_path(path):
        raise RunError(f"{name} is {quoted(path)}: name a folder, or leave it out")
    return Path(path)


@dataclass(frozen=True)
class TrainingOptions:
    """The options of `ganspec.train`, which describes each of them.

    Raises RunError if `steps`, `minutes`, `progress` or a flag has a wrong value, or if both
    `resume` and `overwrite` are True. The other options are checked where they are used.
    """

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

    def __post_init__(self) -> None:
        require_number("steps", self.steps, 1)
        require_number("minutes", self.minutes, 0, whole=False)
        for name in ("resume", "overwrite", "exact"):
            require_flag(name, getattr(self, name))
        if not (
            self.progress is None or isinstance(self.progress, bool) or callable(self.progress)
        ):
            raise RunError(f"progress is {self.progress!r}: name True, False, None or a function")
        if self.resume and self.overwrite:
            raise RunError("resume goes on with the run that overwrite would replace: choose one")

    @property
    def trackers(self) -> tuple[str, ...]:
        """The names in `track`; a text is one name."""
        return tuple(map(str, entries_of(self.track)))
