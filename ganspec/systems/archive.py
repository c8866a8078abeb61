"""Files of tensors in torch's format, with equal bytes for equal contents and checks for damage."""

from __future__ import annotations

import hashlib
import re
import sys
import warnings
import zipfile
from pathlib import Path
from typing import Any

import torch

from ganspec.atomic import replacing
from ganspec.language.errors import GanspecError, printable

ZIP, END = b"PK\x03\x04", b"PK\x05\x06"  # first bytes of a zip file, and of its last record
HASH = re.compile(r"-([0-9a-f]{8})\Z")  # end of torch hub's file names: 8 digits of the SHA-256
END_SIZE = 22  # bytes of the last record of a zip file without a comment


class ArchiveError(GanspecError):
    """Raised when a file of tensors is missing or damaged, or holds other objects."""


class ForeignError(ArchiveError):
    """Raised when a file holds more than tensors and plain data."""


def write(path: Path, content: Any) -> None:
    """Write tensors and plain data to `path` atomically, with the same bytes for equal contents.

    Raises OSError if the file cannot be written, for example because the disk is full.
    """
    # if torch got a path, it would write the name of the temporary file into the archive
    with replacing(path) as temporary, temporary.open("wb") as file:
        try:
            torch.save(canonical(content), file)
        except RuntimeError as error:
            # torch's own message does not say that the disk is full
            if isinstance(reason := error.__context__, OSError):
                raise reason from None
            raise


def canonical(value: Any) -> Any:
    """Return a copy of `value` on the CPU whose pickle depends on contents and strides alone.

    A pickle stores an object once, and refers to it wherever it occurs again. So in the copy equal
    strings are one object, and no container or tensor occurs twice.
    """
    if isinstance(value, torch.Tensor):
        return value.detach().to("cpu", copy=True)
    if isinstance(value, str):
        return sys.intern(str(value))
    if isinstance(value, list | tuple):
        return type(value)(map(canonical, value))
    if isinstance(value, dict):
        copy = type(value)((canonical(key), canonical(each)) for key, each in value.items())
        if (versions := getattr(value, "_metadata", None)) is not None:  # of a state_dict
            vars(copy)["_metadata"] = canonical(versions)
        return copy
    return value


def read(path: Path) -> Any:
    """Return the tensors, on the CPU, and plain data in a file that torch saved.

    Raises ArchiveError if it is missing or damaged or holds anything else, OSError if it cannot be
    read. The checksums in the file are compared with its contents, which torch itself does not do.
    No other objects are unpickled, so a stranger's file cannot run code.
    """
    try:
        if reason := damage(path):
            raise ArchiveError(f"{path} is damaged: {reason}")
        with warnings.catch_warnings(action="ignore"):  # torch warns of other programs' pickles
            return torch.load(path, map_location="cpu", weights_only=True)
    except (FileNotFoundError, NotADirectoryError):
        raise ArchiveError(f"{path} does not exist") from None
    except IsADirectoryError:
        raise ArchiveError(f"{path} is a folder, not a file of tensors") from None
    except (ArchiveError, OSError, MemoryError):
        raise
    except Exception as error:  # torch raises many types for a damaged or hostile file
        if foreign := re.search(r"GLOBAL (\S+)", str(error)):
            what = printable(foreign[1])[:100]
            message = f"{path} holds more than tensors and plain data: {what}"
            raise ForeignError(message) from None
        raise ArchiveError(f"{path} is damaged, or no file of tensors") from None


def damage(path: Path) -> str | None:
    """Return in words how the file at `path` is damaged; None if it shows no damage.

    Files that torch saves are zip files, which have a checksum (CRC-32) of each member. Files of
    torch before 1.6 have no checksums, but torch hub writes the first digits of their SHA-256 into
    their names.
    """
    with path.open("rb") as file:
        head = file.read(len(ZIP))
        if not head:
            return "it is empty"
        if head != ZIP:
            file.seek(0)
            digest, named = hashlib.file_digest(file, "sha256").hexdigest(), HASH.search(path.stem)
            is_other = named is not None and not digest.startswith(named[1])
            return "its SHA-256 is not the one in its name" if is_other else None
        try:
            with zipfile.ZipFile(file) as archive:
                member = archive.testzip()
                start = min(each.header_offset for each in archive.infolist())
            file.seek(-END_SIZE, 2)
            last = file.read(END_SIZE)
        except Exception:  # noqa: BLE001  (a damaged zip file can raise any exception)
            return "it is cut off, or its table of contents is broken"
    if member is not None:
        return f"{printable(member)[:100]} differs from its checksum"
    if start > 0 or last[: len(END)] != END or last[-2:] != b"\0\0":
        return "something precedes its start or follows its end"
    return None
