"""A progress bar on a terminal; nothing elsewhere."""

from __future__ import annotations

import sys
from typing import Self


class Progress:
    """Rate, losses and time left of a training, or of other work counted in another `unit`.

    A context manager, called with each report.
    """

    def __init__(self, title: str, unit: str = "steps"):
        self.title, self.unit, self.bar, self.task, self.start = title, unit, None, None, 0

    def __enter__(self) -> Self:
        if sys.stderr.isatty():
            from rich import progress
            from rich.console import Console

            self.bar = progress.Progress(
                progress.TextColumn("{task.description}"),
                progress.BarColumn(),
                progress.MofNCompleteColumn(),
                progress.TextColumn("{task.fields[rate]}  {task.fields[losses]}"),
                progress.TimeRemainingColumn(),
                console=Console(stderr=True),
            )
            self.bar.start()
        return self

    def __call__(self, step: int, last: int, losses: dict[str, float]) -> None:
        """Show that `step` of `last` steps are done, with the newest losses."""
        if self.bar is None:
            return
        if self.task is None:
            # a resumed run begins in the middle: its rate counts from there
            self.start = step
            self.task = self.bar.add_task(
                self.title, total=last, completed=step, rate="", losses=""
            )
        speed = self.bar.tasks[0].speed
        shown = "  ".join(f"{k} {v:.3f}" for k, v in losses.items() if k != "step")
        rate = f"{speed:.1f} {self.unit}/s" if speed else ""
        self.bar.update(self.task, completed=step, rate=rate, losses=shown)

    def __exit__(self, *_: object) -> None:
        if self.bar is not None:
            self.bar.stop()
