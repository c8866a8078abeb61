"""TensorBoard's event files of a run, written from its log, scores and pictures."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec

import numpy as np
from PIL import Image

from ganspec.language.errors import GanspecError
from ganspec.runs.run import Run

FOLDER = "tensorboard"  # inside the run folder


class EventsError(GanspecError):
    """Raised when tensorboard is not installed."""


def require_tensorboard() -> None:
    """Raise EventsError if the package tensorboard is not installed."""
    if find_spec("tensorboard") is None:
        raise EventsError(
            "--tensorboard needs the package tensorboard: run `pip install tensorboard`, "
            "or leave --tensorboard out"
        )


@contextmanager
def following(run: Run) -> Iterator[Callable[[], None]]:
    """Give the block a function that brings the run's event files up to date.

    The files are written anew from the first step on, so that a resumed run has each step once.
    """
    require_tensorboard()
    events = Events(run)
    try:
        yield events.update
        events.update()
    finally:
        events.writer.close()


class Events:
    """A writer of event files that remembers its position in the run's files."""

    def __init__(self, run: Run):
        from torch.utils.tensorboard import SummaryWriter

        folder = run.folder / FOLDER
        for path in folder.glob("events.out.tfevents.*"):
            path.unlink()
        self.run, self.writer = run, SummaryWriter(str(folder))
        self.read = {"log.jsonl": 0, "scores.jsonl": 0}  # bytes read so far
        self.seen: set[int] = set()
        if run.spec_path.is_file():
            spec = run.spec_path.read_text("utf-8")
            self.writer.add_text("spec", "".join(f"    {line}\n" for line in spec.splitlines()))

    def update(self) -> None:
        """Write the losses, scores and pictures that are new since the last call."""
        for row in self._lines("log.jsonl"):
            for name, value in row.items():
                if name != "step":
                    self._add(f"log/{name}", value, row.get("step"))
        for score in self._lines("scores.jsonl"):
            name = f"scores/{score.get('of', 'generated')}/{score.get('metric')}"
            self._add(name, score.get("value"), score.get("step"))
        for step, path in self.run.samples().items():
            if step not in self.seen:
                self.seen.add(step)
                with Image.open(path) as image:
                    pixels = np.asarray(image.convert("RGB"))
                self.writer.add_image("samples", pixels, step, dataformats="HWC")
        self.writer.flush()

    def _add(self, name: str, value: object, step: object) -> None:
        if isinstance(value, int | float) and math.isfinite(value) and isinstance(step, int):
            self.writer.add_scalar(name, value, step)

    def _lines(self, name: str) -> Iterator[dict]:
        """Yield the JSON objects in new complete lines of a file."""
        path = self.run.folder / name
        if not path.is_file():
            return
        with path.open("rb") as file:
            file.seek(self.read[name])
            for line in file:
                if not line.endswith(b"\n"):  # still being written
                    return
                self.read[name] += len(line)
                try:
                    row = json.loads(line)
                except ValueError:
                    continue
                if isinstance(row, dict):
                    yield row
