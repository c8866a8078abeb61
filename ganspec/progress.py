"""A progress bar, shown only on a terminal."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from rich.progress import Progress as Bars
    from rich.progress import TaskID


class Progress:
    """A bar with the steps done, the rate, the losses and the time left.

    A context manager, called after each step. `unit` names other work than training steps.
    """

    def __init__(self, title: str, unit: str = "steps"):
        self.title, self.unit = title, unit
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
