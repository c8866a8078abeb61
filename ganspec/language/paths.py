"""Paths that users of the Python interface give as arguments."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TypeGuard

from ganspec.atomic import names_folder
from ganspec.language.errors import GanspecError, quoted


class PathError(GanspecError, ValueError):
    """Raised for an argument that cannot name a file, such as None or an empty text."""


def is_path(value: object) -> TypeGuard[str | os.PathLike[str]]:
    """Return True if `value` can be a path: a text or `PathLike`, not empty and without NUL."""
    if not isinstance(value, str | os.PathLike):
        return False
    text = os.fspath(value)
    return isinstance(text, str) and text != "" and "\0" not in text


def named_file(value: object) -> Path:
    """Return `value` as the path of a file. Raises PathError if it is no path."""
    if not is_path(value):
        raise PathError(f"{quoted(value)} is no path: name a file")
    return Path(value)


def file_to_write(value: object) -> Path:
    """Return `value` as the path of a file to write.

    Raises PathError if it is no path, and IsADirectoryError if it ends in a slash.
    """
    path = named_file(value)
    if names_folder(str(value)):
        raise IsADirectoryError(f"{value} is the name of a folder: name the file to write")
    return path
