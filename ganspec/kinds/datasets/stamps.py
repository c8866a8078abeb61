"""Stamps of files, which show that a file has changed, and the cache of the stamps."""

from __future__ import annotations

import hashlib
import json
import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import PIL

from ganspec.atomic import write_text

CACHE = Path("~/.cache/ganspec/images")
DIGITS = 16  # hexadecimal digits of a file's SHA-256 that a stamp keeps


class Stamp(NamedTuple):
    """A file's size in bytes, its time of modification in ns, and the start of its SHA-256."""

    size: int
    modified: int
    sha256: str


def stamp_of(path: Path, known: Stamp | None) -> Stamp:
    """Return the stamp of a file: `known` if the file's size and time are still those of `known`.

    Otherwise the file is read. Raises OSError if it cannot be opened, and ValueError if it is a
    folder or a pipe.
    """
    if not stat.S_ISREG(path.stat().st_mode):  # opening a pipe would wait for a writer
        raise ValueError("no file any more")
    with path.open("rb") as file:
        status = os.fstat(file.fileno())
        if known and known[:2] == (status.st_size, status.st_mtime_ns):
            return known
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return Stamp(status.st_size, status.st_mtime_ns, digest[:DIGITS])


def load_stamps(folder: Path) -> dict[str, Stamp]:
    """Return the stamps that `save_stamps` has cached for `folder`, by name.

    Return {} if the cache is missing, damaged, or of another version of Pillow.
    """
    try:
        text = _cache_path(folder).read_text("utf-8")
        digest, body = text.split("\n", 1)
        if digest != _digest(body):
            return {}
        return {name: Stamp(*values) for name, values in json.loads(body).items()}
    except (OSError, ValueError):
        return {}


def save_stamps(folder: Path, stamps: dict[str, Stamp]) -> None:
    """Cache the stamps of readable files of the data in `folder`, by name."""
    body = json.dumps(stamps, separators=(",", ":"))
    with suppress(OSError):  # a full disk or a read-only home: go on without the cache
        write_text(_cache_path(folder), f"{_digest(body)}\n{body}")


def _cache_path(folder: Path) -> Path:
    return CACHE.expanduser() / f"{_digest(str(folder.resolve()))[:32]}.json"


def _digest(text: str) -> str:
    # a file that one version of Pillow can read may be unreadable for another
    content = f"{PIL.__version__}\n{text}".encode("utf-8", "surrogateescape")
    return hashlib.sha256(content).hexdigest()
