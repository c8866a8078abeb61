"""Trackio: its database on this machine, unless $TRACKIO_SPACE_ID names a Space."""

from __future__ import annotations

import os
import uuid
from pathlib import Path

import trackio

from ganspec.runs.run import Run


def start(run: Run, settings: dict[str, object], id: str | None, step: int) -> TrackioRun:
    """Begin a run of Trackio if `id` is None, else go on with the run `id`. Return its tracker."""
    name = id or f"{run.folder.name}-{uuid.uuid4().hex[:8]}"
    project = os.environ.get("TRACKIO_PROJECT", "ganspec")
    tracked = trackio.init(project, name=name, config=settings, resume="allow", embed=False)
    return TrackioRun(tracked, name)


class TrackioRun:
    """A tracker that logs to Trackio."""

    def __init__(self, tracked: trackio.Run, id: str):
        self.tracked, self.id = tracked, id

    def log(self, rows: list[tuple[int, dict[str, float]]]) -> None:
        for step, values in rows:
            self.tracked.log(dict(values), step=step)

    def picture(self, step: int, path: Path) -> None:
        self.tracked.log({"samples": trackio.Image(str(path))}, step=step)

    def flush(self) -> None:
        pass  # a thread of Trackio writes what is logged

    def close(self) -> None:
        trackio.finish()  # waits until all is written, so that the process can end
