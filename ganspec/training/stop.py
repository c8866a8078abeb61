"""Signals that stop a training after its present step."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Any, Self

NAMES = ("SIGINT", "SIGTERM", "SIGHUP", "SIGUSR1")
SIGNALS = tuple(getattr(signal, name) for name in NAMES if hasattr(signal, name))
STATUS = 130  # exit status of a training that a signal ended
# environment variable with the path of a file, which a process makes to tell `launch` of a stop
STOPPED = "GANSPEC_STOPPED"
AGAIN = 1.0  # seconds in which a second Ctrl-C is ignored: a parent may pass on the first


class Stop:
    """Turns signals into a request to stop, within a `with` block.

    The first signal, one of SIGNALS, sets `asked`. Later signals change nothing, since
    schedulers and terminals repeat them; but a Ctrl-C more than AGAIN seconds after the first
    signal raises KeyboardInterrupt. While `begun` is False there is nothing to save, and the first
    signal ends the process.

    Outside the main thread nothing changes, since only the main thread can handle signals. A
    handler that Python did not install stays, since Python could not restore it. Under `nohup`,
    hang-ups stay ignored. With `quiet`, a request to stop is not announced on standard error.
    """

    def __init__(self, begun: bool = True, quiet: bool = False):
        self.asked, self.begun, self.quiet = False, begun, quiet
        self.time = 0.0  # of the first signal, by `time.monotonic`
        self.before: dict[int, Any] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            for number in SIGNALS:
                handler = signal.getsignal(number)
                is_nohup = handler == signal.SIG_IGN and number == getattr(signal, "SIGHUP", None)
                if handler is not None and not is_nohup:
                    self.before[number] = handler
                    signal.signal(number, self.receive)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self.before.items():
            signal.signal(number, handler)
        self.before = {}

    def receive(self, number: int, frame: FrameType | None) -> None:
        """Handle a signal. Raises KeyboardInterrupt for a second Ctrl-C, as the class says."""
        now = time.monotonic()
        if not self.begun:
            # torchrun sends SIGTERM to the others when one is lost, and may start all again
            goes_on = number == signal.SIGTERM and restarts_left() > 0
            if os.environ.get("RANK", "0") == "0" and not goes_on:  # only one process says so
                write_line("stopped before the first step")
            os._exit(STATUS)  # an exception could be swallowed, as within an import
        if not self.asked:
            self.asked, self.time = True, now
            if not self.quiet:
                again = "; Ctrl-C again ends at once" if number == signal.SIGINT else ""
                name = signal.Signals(number).name
                write_line(f"{name}: stopping after this step, with a checkpoint{again}")
        elif number == signal.SIGINT and now - self.time > AGAIN:
            raise KeyboardInterrupt


def restarts_left() -> int:
    """Return how often torchrun will still start the processes again; 0 without torchrun."""
    return int(os.environ.get("TORCHELASTIC_MAX_RESTARTS", "0")) - restarts()


def restarts() -> int:
    """Return how often torchrun has started the processes again."""
    return int(os.environ.get("TORCHELASTIC_RESTART_COUNT", "0"))


def tell_launcher() -> None:
    """Tell `launch`, if it has started this process, that a signal has ended the training.

    The exit status cannot say so, since the launcher takes any but 0 for a failure.
    """
    if path := os.environ.get(STOPPED):
        Path(path).touch()


@contextmanager
def stop_requests(quiet: bool) -> Iterator[Stop]:
    """Within the block, turn signals into requests to stop. Yield the `Stop` that gets them.

    If a `Stop` handles signals already, that one is yielded, and `begun` is set, as a training
    begins. Otherwise a new one is made.
    """
    handler = signal.getsignal(signal.SIGTERM)
    callers = getattr(handler, "__self__", None)
    if isinstance(callers, Stop):
        callers.begun = True
        yield callers
        return
    with Stop(quiet=quiet) as stop:
        yield stop


def write_line(text: str) -> None:
    """Write a line to standard error. Unlike `print`, this is safe in a signal handler."""
    with suppress(OSError):  # the terminal was closed
        os.write(2, f"\n{text}\n".encode())
