"""Import of other people's code in a separate process, with limits on time and memory."""

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
from ganspec.language.errors import GanspecError, is_out_of_memory, one_line

# This process has imported torch, whose libraries do not work in a fork on macOS.
CONTEXT: Any = multiprocessing.get_context("fork" if sys.platform == "linux" else "spawn")
MEMORY = 8 * 2**30  # bytes that the code may reserve, on Linux


def import_apart(read: Callable[[], Imported], path: str, minutes: float) -> Imported:
    """Call `read` in a separate process, and return its result.

    `read` runs the code in the file `path`. What this code prints goes to standard error, and its
    standard input is empty. On Linux, it can reserve MEMORY bytes. Raise UnreadableError with the
    reason if `read` raises an error or takes over `minutes`, or if the process ends before `read`
    returns.
    """
    results, sending = CONTEXT.Pipe(duplex=False)
    process = CONTEXT.Process(target=_answer, args=(read, path, sending))
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
        status = process.exitcode or 0  # if negative, the number of a signal
        end = f"exit status {status}"
        if status < 0:
            end = f"signal {-status} ({signal.strsignal(-status)})"
        raise UnreadableError(
            f"the process that ran {path} ended with {end}, before the networks were read; "
            "run the file in Python to find the cause"
        ) from None
    finally:
        process.kill()
        process.join()
    span = "1 minute" if minutes == 1 else f"{minutes:g} minutes"
    raise UnreadableError(f"{path} ran for {span}; allow more with --minutes")


class Printed(io.TextIOBase):
    """Standard output and error of the separate process; the parent gets each text."""

    def __init__(self, sending: Connection):
        self.sending = sending

    def write(self, text: str) -> int:
        _send(self.sending, "printed", text)
        return len(text)


def _send(sending: Connection, kind: str, content: object) -> None:
    # as JSON, since unpickling could run code that the foreign code chose
    sending.send_bytes(json.dumps([kind, content]).encode())


def _answer(read: Callable[[], Imported], path: str, sending: Connection) -> None:
    """Send what `read` returns, or the reason why it fails."""
    os.dup2(2, 1)  # for C code, which does not print through `sys.stdout`
    sys.stdout = sys.stderr = Printed(sending)
    warnings.simplefilter("ignore")  # those of the foreign code
    is_limited = _limit_memory()
    try:
        _send(sending, "imported", asdict(read()))
    except (GanspecError, OSError) as error:
        _send(sending, "error", one_line(error))
    except Exception as error:  # the code's objects may raise anything wherever they are used
        what = f"{path} cannot be read: {type(error).__name__}: {one_line(error)}"
        if is_out_of_memory(error):
            limit = f"over {MEMORY // 2**30} GiB of memory"
            what = f"{path} needs {limit if is_limited else 'more memory than it can get'}"
        _send(sending, "error", what[:300])


def _limit_memory() -> bool:
    """Let this process reserve at most MEMORY bytes more than it has now; on Linux only.

    Return True if this limit holds; False if the system knows none, or the process has a lower one.
    """
    try:
        import resource

        with open("/proc/self/statm") as file:
            pages = int(file.read().split()[0])
    except (ImportError, OSError):  # not Linux
        return False
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    limit = pages * resource.getpagesize() + MEMORY
    is_lower = hard != resource.RLIM_INFINITY and hard < limit
    resource.setrlimit(resource.RLIMIT_AS, (hard if is_lower else limit, hard))
    return not is_lower
