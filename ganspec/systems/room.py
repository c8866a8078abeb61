"""Errors for images that need more memory or disk than is free, raised before any is drawn."""

from __future__ import annotations

import math
import shutil
from collections.abc import Sequence
from pathlib import Path

from ganspec.kinds.dataset import free_memory
from ganspec.language.errors import GanspecError

FEWER = "draw fewer"


class RoomError(GanspecError):
    """Raised when images would not fit into the free memory or on the disk."""


def require_memory(count: int, shape: Sequence[int], remedy: str = FEWER) -> None:
    """Raise RoomError unless `count` images, uint8 of `shape`, fit into the free memory twice.

    Their parts are in memory until they are joined. `remedy` ends the message.
    """
    needed, free = 2 * count * math.prod(shape), free_memory()
    if needed > free:
        shown = f"{_gibibytes(needed)} of memory, and {_gibibytes(free)} are free"
        raise RoomError(f"{count:,} images, {_shape_text(shape)}, need {shown}: {remedy}")


def require_disk(folder: Path, needed: int, count: int, shape: Sequence[int]) -> None:
    """Raise RoomError unless `needed` bytes of `count` images of `shape` are free in `folder`.

    The folder, or folders above it, may be missing.
    """
    place = next(each for each in (folder.absolute(), *folder.absolute().parents) if each.exists())
    free = shutil.disk_usage(place).free
    if needed > free:
        shown = f"{_gibibytes(needed)} or more in {folder}, and {_gibibytes(free)} are free"
        raise RoomError(f"{count:,} images, {_shape_text(shape)}, need {shown}: {FEWER}")


def _shape_text(shape: Sequence[int]) -> str:
    return " x ".join(map(str, shape))


def _gibibytes(size: float) -> str:
    return f"{size / 2**30:,.1f} GiB"
