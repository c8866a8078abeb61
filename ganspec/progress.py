"""Progress of long work: a bar on a terminal, lines in a log."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from contextlib import ExitStack
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from rich.progress import Progress as Bars
    from rich.progress import TaskID


LINE_SECONDS = 30.0  # between two lines of a log


class ProgressLines:
    """A line on standard error every half a minute: the work done, the rate and the time left."""

    def __init__(self, title: str, unit: str):
        self.title, self.unit = title, unit
        self.first: tuple[float, int] | None = None  # time and work of the first call
        self.shown = 0.0

    def __call__(self, done: int, total: int) -> None:
        """Print a line if one is due. `done` of `total` units of the work are done."""
        now = time.monotonic()
        if self.first is None:
            self.first, self.shown = (now, done), now
        if done >= total or now - self.shown < LINE_SECONDS:
            return
        self.shown = now
        rate = (done - self.first[1]) / max(now - self.first[0], 1e-9)
        left = f", {duration((total - done) / rate)} left" if rate > 0 else ""
        text = f"{done:,} of {total:,} {self.unit}, {rate:.1f} {self.unit}/s{left}"
        print(f"{self.title}: {text}", file=sys.stderr, flush=True)


def duration(seconds: float) -> str:
    """Return a time as text: `40 s`, `12 min`, `2 h 5 min`."""
    minutes, hours = round(seconds / 60), round(seconds / 60) // 60
    if seconds < 59.5:
        return f"{seconds:.0f} s"
    return f"{hours} h {minutes % 60} min" if hours else f"{minutes} min"


class Progress:
    """A bar with the steps done, the rate, the losses and the time left.

    A context manager, called after each step. `unit` names other work than training steps. With
    `lines` there are lines instead where standard error is no terminal.
    """

    def __init__(self, title: str, unit: str = "steps", lines: bool = False):
        self.title, self.unit = title, unit
        self.lines = ProgressLines(title, unit) if lines else None
        self.bars: Bars | None = None
        self.task: TaskID | None = None

    def __enter__(self) -> Self:
        if sys.stderr.isatty():
            from rich import progress
            from rich.console import Console

            self.bars = progress.Progress(
                progress.TextColumn("{task.description}"),
                progress.BarColumn(),
                progress.MofNCompleteColumn(),
                progress.TextColumn("{task.fields[rate]}  {task.fields[losses]}"),
                progress.TimeRemainingColumn(),
                console=Console(stderr=True),
            )
            self.bars.start()
        return self

    def __call__(self, step: int, last: int, losses: Mapping[str, float] = {}) -> None:
        """Show that `step` of `last` steps are done, with the newest losses."""
        if self.bars is None:
            if self.lines is not None:
                self.lines(step, last)
            return
        if self.task is None:
            # made at the first call: a resumed run's rate counts from the step where it resumes
            self.task = self.bars.add_task(
                self.title, total=last, completed=step, rate="", losses=""
            )
        speed = self.bars.tasks[0].speed
        text = "  ".join(f"{name} {loss:.3f}" for name, loss in losses.items() if name != "step")
        rate = f"{speed:.1f} {self.unit}/s" if speed else ""
        self.bars.update(self.task, completed=step, rate=rate, losses=text)

    def __exit__(self, *_: object) -> None:
        if self.bars is not None:
            self.bars.stop()


class Passes(ExitStack):
    """Progress of passes over images, one after another; without `bars` it is in lines only."""

    title: str | None = None
    shown: Progress

    def __init__(self, bars: bool = True):
        super().__init__()
        self.bars = bars

    def __call__(self, title: str, done: int, total: int) -> None:
        """Show that `done` of `total` images of a pass are done."""
        if title != self.title:
            self.close()
            self.title, self.shown = title, Progress(title, "images", lines=True)
            if self.bars:
                self.enter_context(self.shown)
        self.shown(done, total)
        if done >= total:
            self.close()
            self.title = None
