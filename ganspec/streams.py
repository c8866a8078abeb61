"""Outputs that are written to, not replaced: standard output, devices, FIFOs, open files."""

from __future__ import annotations

import errno
import io
import os
import re
import shutil
import stat
import sys
from pathlib import Path
from typing import Any, BinaryIO

DASH = "-"  # a file's name that means standard output, or standard input
STDIN = "<stdin>"  # stands for standard input in messages
# folders in which this process's open files are named by their descriptors; {} is its process id
OPEN_FILES = r"/dev/fd|/proc/{}(/task/[0-9]+)?/fd"
MOST_LINKS = 40  # symbolic links followed from one name; longer chains count as circles
# opened without this flag, a terminal could become the one whose Ctrl-C ends this process
NO_TERMINAL = getattr(os, "O_NOCTTY", 0)


class OutputError(Exception):
    """Raised when standard output cannot be written.

    It is no OSError, so that code that handles errors of other files does not catch it.
    `is_unread` is True if the program that read the output, such as `head`, has ended.
    """

    def __init__(self, error: OSError):
        is_closed = error.errno == errno.EBADF
        reason = "it is closed" if is_closed else (error.strerror or str(error)).lower()
        super().__init__(f"standard output cannot be written: {reason}")
        self.is_unread = isinstance(error, BrokenPipeError)


class StandardStream(io.RawIOBase):
    """A stream over `raw` that discards everything after the first write that fails.

    Otherwise Python would try to write the rest again when it exits, and print a traceback. With
    `raises`, as for standard output, the failed write raises OutputError. Without, as for standard
    error, the failure is ignored, so that no message ends a training.
    """

    def __init__(self, raw: Any, raises: bool, old: Any = None):
        self.raw, self.raises, self.failed = raw, raises, False
        self.old = old  # a stream that nothing refers to would close its `raw`

    def write(self, data: Any) -> int:
        if self.failed:
            return len(data)
        try:
            return self.raw.write(data)
        except OSError as error:
            self.failed = True
            if self.raises:
                raise OutputError(error) from None
            return len(data)

    def writable(self) -> bool:
        return True

    def isatty(self) -> bool:
        return self.raw.isatty()

    def fileno(self) -> int:
        return self.raw.fileno()


def prepare_streams() -> None:
    """Make `sys.stdout` and `sys.stderr` StandardStreams. Open the null device for closed streams.

    Otherwise the next file that is opened would get the file descriptor of a closed stream, and
    libraries would print into that file. The null device is opened for writing in place of the
    input and for reading in place of the output. So reading from a closed input still fails, and
    so does writing to a closed output.
    """
    for number, mode in enumerate((os.O_WRONLY, os.O_RDONLY, os.O_RDWR)):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, mode)
    sys.stdout = _standard(sys.stdout, 1, raises=True)
    sys.stderr = _standard(sys.stderr, 2, raises=False)


def _standard(old: Any, number: int, raises: bool) -> io.TextIOWrapper:
    """Return a text stream over a StandardStream, which writes where `old` does.

    If `old` is None, it writes to the file descriptor `number`: 1 is standard output, 2 is standard
    error.
    """
    binary = io.FileIO(number, "w", closefd=False) if old is None else old.buffer
    stream = StandardStream(getattr(binary, "raw", binary), raises, old)
    return io.TextIOWrapper(
        io.BufferedWriter(stream),
        encoding=getattr(old, "encoding", None),
        errors=getattr(old, "errors", None),
        line_buffering=number == 2 or stream.isatty(),
    )


def is_stdout(path: Path | str) -> bool:
    """Return True if `path` is standard output: `-`, or a name such as /dev/stdout."""
    return str(path) == DASH or _open_file(Path(path)) == 1


def is_stream(path: Path) -> bool:
    """Return True if `path` is `-`, an open file such as /dev/stdout, a device or a FIFO."""
    if str(path) == DASH or _open_file(path) is not None:
        return True
    try:
        mode = path.stat().st_mode
    except OSError:
        return False
    return not stat.S_ISREG(mode) and not stat.S_ISDIR(mode)


def is_input(path: Path | str) -> bool:
    """Return True if `path` is standard input, `-`, or exists and is not a folder."""
    return str(path) == DASH or (os.path.exists(path) and not os.path.isdir(path))


def read_stdin(most: int = -1) -> bytes:
    """Return the bytes of standard input, or the first `most` of them; -1 stands for all.

    Raises OSError if it is closed.
    """
    if sys.stdin is None:
        raise OSError("standard input is closed: name a file")
    return sys.stdin.buffer.read(most)


def write_stream(path: Path, source: BinaryIO) -> None:
    """Write the bytes of the file `source` to the stream `path`.

    Raises OSError if it cannot be written, or OutputError for standard output. Raises OSError, too,
    if the stream is standard output, this is a terminal, and the data are binary.
    """
    number = 1 if str(path) == DASH else _open_file(path)
    if number == 1:
        _refuse_binary_on_terminal(source)
        sys.stdout.flush()
        shutil.copyfileobj(source, sys.stdout.buffer)
        sys.stdout.buffer.flush()
        return
    try:
        # not `open(path, "wb")`, which would truncate a file that other processes write to
        handle = os.dup(number) if number is not None else os.open(path, os.O_WRONLY | NO_TERMINAL)
        with open(handle, "wb") as stream:
            shutil.copyfileobj(source, stream)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise OSError(f"{path} cannot be written: {reason}") from None


def _refuse_binary_on_terminal(source: BinaryIO) -> None:
    if sys.stdout.isatty():
        is_binary = b"\0" in source.read(4096)
        source.seek(0)
        if is_binary:
            raise OSError("the terminal cannot show this file: add `> FILE`, or name one with -o")


def _open_file(path: Path) -> int | None:
    """Return the file descriptor of this process that `path` names, such as 1 for /dev/stdout.

    Return None if `path` names none.
    """
    folders = re.compile(OPEN_FILES.format(os.getpid()))
    for _ in range(MOST_LINKS):
        if path.name.isdecimal() and folders.fullmatch(os.path.realpath(path.parent)):
            return int(path.name)
        if not path.is_symlink():
            return None
        path = path.parent / path.readlink()
    return None
