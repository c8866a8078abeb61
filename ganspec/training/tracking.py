"""Log a run to trackers of experiments, such as TensorBoard or MLflow.

Losses, scores and pictures are read from the run's own files, so a tracker cannot change the
training. `track.json` in the run folder notes how much of them each tracker has, so that a resumed
training goes on in the tracker where it ended.
"""

from __future__ import annotations

import importlib
import io
import json
import math
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Protocol

from ganspec.atomic import write_text
from ganspec.language.errors import GanspecError, one_line, suggestion
from ganspec.runs.run import Run
from ganspec.runs.score_file import NAME as SCORES
from ganspec.runs.score_file import read_scores
from ganspec.systems.spec import Spec
from ganspec.training.options import TrackerName

TRACKERS = tuple(TrackerName)
FILE = "track.json"
UNLISTED = ("blocks", "layers", "report")  # keys of a spec that are left out of the settings


class TrackerError(GanspecError):
    """Raised when a tracker is unknown or not installed."""


class Tracker(Protocol):
    """A run in a tracker; `id` is its name there.

    Its methods may raise any error: the training then goes on without the tracker.
    """

    id: str

    def log(self, rows: list[tuple[int, dict[str, float]]]) -> None:
        """Log rows, each a training step and values by name."""

    def picture(self, step: int, path: Path) -> None:
        """Log the PNG file `path` as the picture of a training step."""

    def flush(self) -> None:
        """Write what is logged, unless the tracker does so by itself."""

    def close(self) -> None:
        """End the run in the tracker, so that it can go on later."""


@dataclass
class Position:
    """The part of a run that a tracker has: steps of the last losses and picture, number of scores.

    `picture` is -1 before the first picture. `id` is the run's name in the tracker; None if the
    tracker has no run yet.
    """

    id: str | None = None
    step: int = 0
    picture: int = -1
    scores: int = 0


def require_trackers(names: Sequence[str]) -> None:
    """Raise TrackerError if a tracker is unknown or its package is not installed."""
    for name in names:
        if name not in TRACKERS:
            hint = suggestion(name, TRACKERS, "trackers")
            raise TrackerError(f"no tracker is called `{name}`: {hint}")
        package = find_spec(name)
        if package is None or package.origin is None:  # a folder such as `wandb/` has none
            raise TrackerError(
                f"--track {name} needs the package {name}: run `pip install {name}`, "
                f"`pip install 'ganspec[track]'` for all trackers, or leave --track {name} out"
            )


@contextmanager
def following(run: Run, spec: Spec, names: Sequence[str]) -> Iterator[Callable[[], None]]:
    """Yield a function that logs to the trackers `names` all that is new in the run's files.

    At the end of the block, the rest is logged, unless an error ended it, and the runs in the
    trackers end. An error of a tracker becomes a warning.
    """
    followers = [Follower(run, spec, name) for name in dict.fromkeys(names)]

    def update() -> None:
        for follower in followers:
            follower.attempt(follower.update)

    try:
        yield update
        update()
    finally:
        for follower in followers:
            follower.attempt(follower.close)


class Follower:
    """Logs to one tracker the losses, scores and pictures of a run that it does not have yet."""

    def __init__(self, run: Run, spec: Spec, name: str):
        self.run, self.name = run, name
        self.read, self.size = 0, 0  # bytes read of the log; bytes of `scores.jsonl`
        self.at = self._positions().get(name, Position())
        self.tracker: Tracker | None = None
        self.attempt(lambda: self.start(spec))

    def attempt(self, call: Callable[[], None]) -> None:
        """Call `call`. If it fails, warn, and leave the tracker alone from now on."""
        try:
            with redirect_stdout(io.StringIO()):  # trackers may print
                call()
        except Exception as error:  # any error of a library, a network or a disk
            self.tracker = None
            message = f"{self.name} failed, and the training goes on without it: {one_line(error)}"
            warnings.warn(message, stacklevel=2)

    def start(self, spec: Spec) -> None:
        """Begin a run in the tracker, or go on with the one that `track.json` names."""
        adapter = importlib.import_module(f"ganspec.training.trackers.{self.name}")
        settings = dict(settings_of(spec.tree.plain()))
        self.tracker = adapter.start(self.run, settings, self.at.id, self.at.step)
        self.at.id = self.tracker.id
        self._note()

    def update(self) -> None:
        """Log the losses, then the scores, then the pictures that the tracker does not have yet."""
        if self.tracker is None:
            return
        before = asdict(self.at)
        for rows in self._losses():
            self.tracker.log(rows)
        if rows := self._scores():
            self.tracker.log(rows)
        for step, path in self.run.samples().items():
            if step > self.at.picture:
                self.tracker.picture(step, path)
                self.at.picture = step
        if asdict(self.at) != before:
            self.tracker.flush()
            self._note()

    def close(self) -> None:
        """End the run in the tracker."""
        if self.tracker is not None:
            self.tracker.close()

    def _losses(self) -> Iterator[list[tuple[int, dict[str, float]]]]:
        for rows, end in self.run.loss_log.chunks(self.read):
            self.read = end
            if new := [row for row in rows if row["step"] > self.at.step]:
                yield [
                    (
                        int(row["step"]),
                        {f"log/{k}": v for k, v in row.items() if k != "step" and is_finite(v)},
                    )
                    for row in new
                ]
                self.at.step = int(new[-1]["step"])

    def _scores(self) -> list[tuple[int, dict[str, float]]]:
        path = self.run.folder / SCORES
        size = path.stat().st_size if path.is_file() else 0
        if size == self.size:
            return []
        self.size, rows = size, read_scores(self.run.folder)
        new = [row for row in rows[self.at.scores :] if row.step is not None]
        self.at.scores = max(self.at.scores, len(rows))
        return [(row.step or 0, {f"scores/{row.of}/{row.metric}": row.value}) for row in new]

    def _positions(self) -> dict[str, Position]:
        """Return the positions in `track.json` by tracker; {} if it is missing or damaged."""
        try:
            entries = json.loads((self.run.folder / FILE).read_text("utf-8"))
            return {name: Position(**entry) for name, entry in entries.items()}
        except (OSError, ValueError, TypeError, AttributeError, RecursionError):
            return {}

    def _note(self) -> None:
        entries = {name: asdict(at) for name, at in self._positions().items()}
        entries[self.name] = asdict(self.at)
        write_text(self.run.folder / FILE, json.dumps(entries, indent=2) + "\n")


def is_finite(value: object) -> bool:
    """Return True if a value of the log is a finite number."""
    return isinstance(value, int | float) and math.isfinite(value)


def settings_of(value: object, path: str = "") -> Iterator[tuple[str, object]]:
    """Yield pairs of a key path, such as `train.batch`, and its value in a part of a spec.

    `path` is the key path of the part, and `value` the part. A list is one value, as JSON. Keys in
    UNLISTED are left out, and so are values of None.
    """
    if isinstance(value, dict):
        for key, inner in value.items():
            if key not in UNLISTED:
                yield from settings_of(inner, f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        yield path, json.dumps(value)
    elif value is not None:
        yield path, value
