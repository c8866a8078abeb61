"""Import of foreign code in a process of its own, within limits of time and memory."""

from __future__ import annotations

import io
import json
import multiprocessing
import os
import signal
import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import asdict
from multiprocessing.connection import Connection
from typing import Any

import typer

from ganspec.importing.python_file import UnreadableError
from ganspec.importing.source import Imported
from ganspec.language.errors import GanspecError, one_line

# A fork has imported torch already, whose libraries do not work in a fork on macOS.
CONTEXT: Any = multiprocessing.get_context("fork" if sys.platform == "linux" else "spawn")
MEMORY = 8 * 2**30  # bytes that the process may reserve beside what it begins with, on Linux


def import_apart(read: Callable[[], Imported], path: str, minutes: float) -> Imported:
    """Return what `read` returns in a process of its own, which runs the code in the file `path`.

    What the code prints goes to standard error, and it reads an empty standard input. Raise
    UnreadableError with the reason if `read` raises an error that a user can mend, or if the
    process takes over `minutes` or MEMORY, or ends before `read` does.
    """
    results, sending = CONTEXT.Pipe(duplex=False)
    process = CONTEXT.Process(target=_answer, args=(read, sending))
    process.start()
    sending.close()
    deadline = time.monotonic() + 60 * minutes
    try:
        while results.poll(max(0.0, deadline - time.monotonic())):
            kind, content = json.loads(results.recv_bytes())
            if kind == "printed":
                typer.echo(content, nl=False, err=True)
            elif kind == "error":
                raise UnreadableError(content)
            else:
                return Imported(**content)
    except EOFError:
        process.join()
        raise UnreadableError(f"{path} {_ending(process.exitcode or 0)}") from None
    finally:
        process.kill()
        process.join()
    raise UnreadableError(f"{path} ran for {minutes:g} minutes; allow more with --minutes")


def _ending(status: int) -> str:
    """Say in words how a process ended; a negative exit `status` is the number of a signal."""
    if status < 0:
        return f"ended the process that ran it by {signal.Signals(-status).name}"
    return (
        f"ended the process that ran it, with exit status {status}, before its networks were read"
    )


class Printed(io.TextIOBase):
    """The standard output and error of the process: each text is sent to the parent."""

    def __init__(self, sending: Connection):
        self.sending = sending

    def write(self, text: str) -> int:
        _send(self.sending, "printed", text)
        return len(text)


def _send(sending: Connection, kind: str, content: object) -> None:
    # as JSON, since unpickling could run code that the foreign code chose
    sending.send_bytes(json.dumps([kind, content]).encode())


def _answer(read: Callable[[], Imported], sending: Connection) -> None:
    """Send what `read` returns, or the reason why it fails."""
    os.dup2(2, 1)  # for what does not print by Python's `sys.stdout`
    sys.stdout = sys.stderr = Printed(sending)
    warnings.simplefilter("ignore")  # the code's own
    _limit_memory()
    try:
        _send(sending, "imported", asdict(read()))
    except (GanspecError, OSError) as error:
        _send(sending, "error", one_line(error))
    except Exception as error:  # the code's objects may raise anything wherever they are used
        what = f"reading the code failed: {type(error).__name__}: {one_line(error)}"
        if isinstance(error, MemoryError) or "memory" in str(error):
            what = f"the code needs over {MEMORY // 2**30} GiB of memory"
        _send(sending, "error", what[:300])


def _limit_memory() -> None:
    """Set a limit of this process's addresses, where the system tells how many it has."""
    try:
        import resource

        with open("/proc/self/statm") as file:
            pages = int(file.read().split()[0])
    except (ImportError, OSError):  # no Linux
        return
    most = resource.getrlimit(resource.RLIMIT_AS)[1]
    limit = pages * resource.getpagesize() + MEMORY
    soft = limit if most == resource.RLIM_INFINITY else min(limit, most)
    resource.setrlimit(resource.RLIMIT_AS, (soft, most))
