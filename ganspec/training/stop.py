"""Requests to stop a training: the signals that make one, and what they do."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any, Self

NAMES = ("SIGINT", "SIGTERM", "SIGHUP", "SIGUSR1")
SIGNALS = tuple(getattr(signal, name) for name in NAMES if hasattr(signal, name))
STATUS = 130  # exit status of a training that a signal ended
AGAIN = 1.0  # seconds; a parent process may pass on a Ctrl-C that both processes have received


class Stop:
    """Turns signals into a request to stop, within a `with` block.

    The first of SIGNALS sets `asked`. Later ones change nothing, since schedulers and terminals
    repeat them; but a second Ctrl-C, more than AGAIN seconds later, raises KeyboardInterrupt. While
    `begun` is False there is nothing to save, and the first signal ends the process.

    Outside the main thread nothing changes, since only the main thread can handle signals. A
    handler that Python did not install stays, since Python could not restore it. A hang-up stays
    ignored under `nohup`. With `quiet`, the first signal is not announced on standard error.
    """

    def __init__(self, begun: bool = True, quiet: bool = False):
        self.asked, self.begun, self.quiet = False, begun, quiet
        self.time = 0.0  # of the first signal
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
        """Handle a signal."""
        now = time.monotonic()
        if not self.begun:
            if os.environ.get("RANK", "0") == "0":  # only the first of several processes prints
                say("stopped before the first step")
            os._exit(STATUS)  # an exception could be swallowed, as within an import
        if not self.asked:
            self.asked, self.time = True, now
            if not self.quiet:
                again = "; Ctrl-C again ends at once" if number == signal.SIGINT else ""
                name = signal.Signals(number).name
                say(f"{name}: stopping after this step, with a checkpoint{again}")
        elif number == signal.SIGINT and now - self.time > AGAIN:
            raise KeyboardInterrupt


@contextmanager
def stop_requests(quiet: bool) -> Iterator[Stop]:
    """Within the block, turn signals into requests to stop. Yield the `Stop` that has them.

    A `Stop` of the caller that handles signals already is used, or else a new one.
    """
    handler = signal.getsignal(signal.SIGTERM)
    callers = getattr(handler, "__self__", None)
    if isinstance(callers, Stop):
        callers.begun = True
        yield callers
        return
    with Stop(quiet=quiet) as stop:
        yield stop


def say(text: str) -> None:
    """Write a line to standard error from a signal handler, which must not use `print`."""
    with suppress(OSError):  # a terminal that was closed
        os.write(2, f"\n{text}\n".encode())
