"""Files of JSON objects, one per line, in order of training steps, such as a run's `log.jsonl`."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, TypeAlias

from ganspec.atomic import writing
from ganspec.plots.log import Column, columns, joined

Row: TypeAlias = dict[str, float]
TEST = "test_"  # prefix of the names of measurements on test images
CHUNK = 1 << 20  # bytes parsed at once, which takes a third of the time of parsing line by line
BLOCK = 1 << 16  # bytes read at once when a file is read backwards


class Log:
    """A file that grows by lines, each a JSON object with a `step`. Damaged lines are ignored."""

    def __init__(self, path: Path):
        self.path = path

    def append(self, rows: list[Row]) -> None:
        """Add a line for each of `rows` to the file."""
        with writing(self.path), self.path.open("a", encoding="utf-8") as log:
            log.writelines(json.dumps(row) + "\n" for row in rows)

    def sync(self) -> None:
        """Wait until the lines of the file are on the disk."""
        with writing(self.path), self.path.open("ab") as log:
            os.fsync(log.fileno())

    def rows(self) -> list[Row]:
        """Return all rows of the file, each a map such as a step and its losses by name."""
        return [row for rows, _ in self.chunks() for row in rows]

    def columns(self) -> dict[str, Column]:
        """Return the columns of the rows by name, as `ganspec.plots.log.columns` does."""
        parts: dict[str, list[Column]] = {}
        for rows, _ in self.chunks():
            for name, column in columns(rows).items():
                parts.setdefault(name, []).append(column)
        return {name: joined(chunks) for name, chunks in parts.items()}

    def chunks(self, start: int = 0) -> Iterator[tuple[list[Row], int]]:
        """Yield lists of rows, each with the byte position after its last line.

        `start` is the byte position to begin at, such as the last one of an earlier call. A last
        line without a line break is left out.
        """
        if not self.path.exists():
            return
        with self.path.open("rb") as log:
            log.seek(start)
            while lines := log.readlines(CHUNK):
                if not lines[-1].endswith(b"\n"):
                    lines.pop()  # not fully written yet, or cut short by a crash
                start += sum(map(len, lines))
                yield parse(lines), start

    def last_step(self) -> int:
        """Return the step of the last undamaged line; 0 if there is none."""
        if not self.path.is_file():
            return 0
        with self.path.open("rb") as log:
            rows = (parse_line(line) for _, line in lines_backwards(log))
            return next((int(row["step"]) for row in rows if row is not None), 0)

    def rewind(self, step: int) -> int:
        """Cut off the lines of steps after `step`. Return the last step that is left, 0 for none.

        Damaged lines at the end are cut off, too. If the file is missing, it is created.
        """
        self.path.touch()
        with self.path.open("r+b") as log:
            end, last = log.seek(0, os.SEEK_END), 0
            for start, line in lines_backwards(log):
                row = parse_line(line) if line.endswith(b"\n") else None
                if row is not None and row["step"] <= step:
                    last = int(row["step"])
                    break
                end = start
            log.truncate(end)
        return last

    def forget_test(self) -> None:
        """Remove the measurements on test images from the last line."""
        with self.path.open("r+b") as log:
            start, line = next(lines_backwards(log), (0, b""))
            row = parse_line(line) or {}
            if any(name.startswith(TEST) for name in row):
                log.seek(start)
                log.truncate()
                kept = {name: value for name, value in row.items() if not name.startswith(TEST)}
                log.write(json.dumps(kept).encode() + b"\n")


def parse(lines: list[bytes]) -> list[Row]:
    """Return the rows of lines, without lines that are not a JSON object with a step."""
    try:
        rows = json.loads(b"[" + b",".join(lines) + b"]")
    except (ValueError, RecursionError):
        rows = []
    # two damaged lines may make one valid object when joined, so rows and lines are counted
    if len(rows) == len(lines) and all(map(is_row, rows)):
        return rows
    return [row for row in map(parse_line, lines) if row is not None]


def parse_line(line: bytes) -> Row | None:
    """Return the row of a line; None if the line is not a JSON object with a step."""
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return row if is_row(row) else None


def is_row(row: object) -> bool:
    """Return True if `row` is a map whose `step` is a number."""
    return isinstance(row, dict) and type(row.get("step")) in (int, float)


def lines_backwards(file: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """Yield the lines of a file from last to first, each after the byte position of its start."""
    start, rest = file.seek(0, os.SEEK_END), b""
    while start > 0:
        size = min(BLOCK, start)
        start -= size
        file.seek(start)
        rest = file.read(size) + rest
        first, *lines = rest.splitlines(keepends=True)
        place = start + len(rest)
        for line in reversed(lines):
            place -= len(line)
            yield place, line
        rest = first
    if rest:
        yield 0, rest
