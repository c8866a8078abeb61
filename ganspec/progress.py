"""Progress of long work: a bar on a terminal, one line in a notebook, lines in a log."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from rich.progress import Progress as Bars

LINE_SECONDS = 30.0  # between two lines that are printed where there is no bar
BAR = 10  # width of a bar in characters
_QUIET: ContextVar[bool] = ContextVar("quiet", default=False)


@contextmanager
def quieted(quiet: bool) -> Iterator[None]:
    """Within the block, show no progress at all if `quiet` is True."""
    token = _QUIET.set(quiet or _QUIET.get())
    try:
        yield
    finally:
        _QUIET.reset(token)


def say(line: str) -> None:
    """Print a line to standard error, unless progress is `quieted`."""
    if not _QUIET.get():
        _print(line)


def _print(line: str) -> bool:
    """Print a line to standard error. Return False if it cannot be written."""
    try:
        sys.stderr.write(f"{line}\n")
        sys.stderr.flush()
    except (OSError, ValueError, AttributeError):  # standard error is closed, or None
        return False
    return True


class Progress:
    """A display of the work done, its rate, the time left, and the newest losses.

    Use it as a context manager, and call it as the work goes on. On a terminal it draws a bar, in a
    notebook it changes one line, and elsewhere it prints lines to standard error, LINE_SECONDS or
    more apart. `unit` names what is counted. `seconds` is the work's time limit; None if it has
    none. With `lines`, it prints lines on a terminal as well, because another bar may be shown
    there. Where progress is `quieted` it shows nothing. If standard error cannot be written, for
    example because the terminal was closed, it shows nothing more, and the work goes on.
    """

    def __init__(
        self,
        title: str,
        unit: str = "steps",
        *,
        lines: bool = False,
        seconds: float | None = None,
    ):
        self.title, self.unit, self.seconds = title, unit, seconds
        self.shown = not _QUIET.get()
        self.wants_bar = self.shown and not lines and has_terminal()
        self.bars: Bars | None = None
        self.change = notebook_line() if self.shown and not self.wants_bar else None
        self.first: tuple[float, int] | None = None  # time and work done at the first call
        self.printed = 0.0  # time of the last line

    def __enter__(self) -> Self:
        if self.wants_bar:
            from rich import progress
            from rich.console import Console

            self.bars = progress.Progress(
                progress.TextColumn("{task.description}"),
                progress.BarColumn(BAR),
                progress.TextColumn("{task.fields[text]}", markup=False),
                console=Console(stderr=True),
            )
            self.bars.start()
        return self

    def __call__(self, done: int, total: int, losses: Mapping[str, float] = {}) -> None:
        """Show that `done` of `total` units of the work are done, with the newest losses."""
        if not self.shown:
            return
        now = time.monotonic()
        if self.first is None:
            # the rate leaves out work that was done before the first call, by an earlier process
            self.first, self.printed = (now, done), now
            if self.bars:
                self.bars.add_task(self.title, total=total, completed=done, text="")
        if self.bars:
            room = self.bars.console.width - len(self.title) - BAR - 2
            text = self._describe(now, done, total, losses)
            if len(text) > room:
                text = self._describe(now, done, total, losses, with_rate=False)
            if len(text) > room:
                text = self._describe(now, done, total, {}, with_rate=False)
            self.bars.update(self.bars.task_ids[0], completed=done, total=total, text=text)
        elif self.change:
            self.change(f"{self.title}: {self._describe(now, done, total, losses)}")
        elif done < total and now - self.printed >= LINE_SECONDS:
            self.printed = now
            self.shown = _print(f"{self.title}: {self._describe(now, done, total, losses)}")

    def _describe(
        self,
        now: float,
        done: int,
        total: int,
        losses: Mapping[str, float],
        with_rate: bool = True,
    ) -> str:
        """Return a text such as `120 of 900 steps, d_loss 0.693, 4.0 steps/s, 3 min left`.

        `now` is the time in seconds, by `time.monotonic`. Without `with_rate`, the text has no
        rate.
        """
        assert self.first is not None  # `__call__` has set it
        parts = [f"{done:,} of {total:,} {self.unit}"]
        parts += [f"{name} {loss:.4g}" for name, loss in losses.items() if name != "step"]
        elapsed, worked = now - self.first[0], done - self.first[1]
        if elapsed > 0 and worked > 0:
            rate = worked / elapsed
            left = (total - done) / rate
            if self.seconds is not None:
                left = max(0.0, min(left, self.seconds - elapsed))
            shown = f"{rate:.1f}" if rate >= 1 else f"{rate:.2g}"
            parts += [f"{shown} {self.unit}/s"] if with_rate else []
            parts += [f"{duration(left)} left"] if done < total else []
        return ", ".join(parts)

    def __exit__(self, *_: object) -> None:
        if self.bars is not None:
            try:
                self.bars.stop()
            except OSError:
                self.shown = False
            self.bars = None


class Passes(ExitStack):
    """A display of several passes over images, one after another, with a bar for each.

    With `lines`, lines are printed in place of bars.
    """

    def __init__(self, lines: bool = False):
        super().__init__()
        self.lines = lines
        self.title: str | None = None
        self.progress: Progress

    def __call__(self, title: str, done: int, total: int) -> None:
        """Show that `done` of `total` images of the pass called `title` are done."""
        if title != self.title:
            self.close()
            self.progress = self.enter_context(Progress(title, "images", lines=self.lines))
            self.title = title
        self.progress(done, total)
        if done >= total:
            self.close()
            self.title = None


def notebook_line() -> Callable[[str], None] | None:
    """Return a function that shows a text in a notebook, in place of the text it showed before.

    Return None outside of notebooks.
    """
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    if getattr(shell, "kernel", None) is None:  # IPython in a terminal has no kernel
        return None
    from IPython.display import display

    handles: list[Any] = []

    def change(text: str) -> None:
        data = {"text/plain": text}
        if handles:
            handles[0].update(data, raw=True)
        else:
            handles.append(display(data, raw=True, display_id=True))

    return change


def has_terminal() -> bool:
    """Return True if standard error is a terminal that can redraw a line."""
    try:
        return sys.stderr.isatty() and os.environ.get("TERM") not in ("dumb", "unknown")
    except (AttributeError, ValueError):  # standard error is None, or closed
        return False


def duration(seconds: float) -> str:
    """Return a time as text: `40 s`, `12 min`, `2 h 5 min`."""
    minutes, hours = round(seconds / 60), round(seconds / 60) // 60
    if seconds < 59.5:
        return f"{seconds:.0f} s"
    return f"{hours} h {minutes % 60} min" if hours else f"{minutes} min"
