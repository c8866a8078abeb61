"""Files that are either written whole or not at all."""

from __future__ import annotations

import errno
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ganspec.streams import is_stdout, is_stream, write_stream


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield the path of an empty temporary file, which replaces `path` if the block succeeds.

    The bytes reach the disk before the file is renamed, so a crash leaves the whole old file or the
    whole new one. The new file has the old one's mode and, if allowed, its owner. If `path` is a
    symbolic link, the file that it leads to is replaced. If `path` is a stream, such as `-` or a
    FIFO, the bytes are written to it. Raises OSError, or OutputError for standard output.
    """
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder: name a file")
    target = None if is_stream(path) else _end_of_links(path)
    temporary = _temporary_file(path, target)
    try:
        with writing(path):
            yield temporary
            with temporary.open("rb") as written:
                if target is None:
                    write_stream(path, written)
                    return
                os.fsync(written.fileno())
            _take_mode(temporary, target)
            temporary.replace(target)
    finally:
        with suppress(FileNotFoundError):
            temporary.unlink()


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Within the block, give an OSError that names no file a message with `path` and a remedy.

    If a disk is full, for example, Python's error says only that there is no space.
    """
    try:
        yield
    except OSError as error:
        if error.errno is None or error.filename is not None:
            raise
        message = f"{path} cannot be written: {os.strerror(error.errno).lower()}"
        raise OSError(f"{message}: make room, or name another place") from None


@contextmanager
def replacing_folder(path: Path, overwrite: bool | None = None) -> Iterator[Path]:
    """Yield a temporary folder; its files are moved into the folder `path` if the block succeeds.

    A folder `path` that exists stays, and only files in it change, since it may be mounted or
    belong to another user. Raises FileExistsError if `path` is a stream, a file, or a folder that
    is not empty; temporary files of a killed command do not count. With `overwrite`, the folder may
    hold files: those with the names of new ones are replaced, and the others stay. None is for
    commands that never replace the files of a folder.
    """
    if is_stream(path):
        name = "standard output" if is_stdout(path) else path
        raise FileExistsError(f"{name} takes one file, not a folder of files: name a folder")
    target = _end_of_links(path)
    make_folder(target.parent)
    is_there, prefix = target.is_dir(), f".{target.name}."
    others = is_there and any(not file.name.startswith(prefix) for file in target.iterdir())
    if others and not overwrite:
        advice = "" if overwrite is None else "add --overwrite to replace files in it, or "
        raise FileExistsError(f"{path} is not empty: {advice}name another folder")
    if target.exists() and not is_there:
        raise FileExistsError(f"{path} is a file: name another folder")
    temporary = Path(tempfile.mkdtemp(dir=target if is_there else target.parent, prefix=prefix))
    try:
        with writing(path):
            yield temporary
        if is_there:
            for file in sorted(temporary.iterdir()):
                file.replace(target / file.name)
        else:
            temporary.chmod(0o777 & ~_umask())
            temporary.replace(target)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def write_text(path: Path, text: str) -> None:
    """Write `text` to `path` as UTF-8, so that after an error `path` still has its old content.

    If `path` is a stream, such as `-`, the text is written to it. Raises OSError, or OutputError
    for standard output.
    """
    with replacing(path) as temporary:
        temporary.write_text(text, "utf-8")


def make_folder(path: Path) -> None:
    """Make a folder and those above it, if they are missing.

    Raises FileExistsError if one of them is a file, and OSError if they cannot be made.
    """
    for folder in (path, *path.parents):
        if folder.exists():
            if not folder.is_dir():
                raise FileExistsError(f"{folder} is a file: name another folder")
            break
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise type(error)(f"{path} cannot be made: {reason}: name another folder") from None


def check_free(path: Path, overwrite: bool, is_folder: bool) -> None:
    """Raise FileExistsError if `path` is a file, unless `overwrite` is True.

    With `is_folder`, raise it in any case, since a folder never replaces a file.
    """
    if not would_replace(path):
        return
    if is_folder:
        raise FileExistsError(f"{path} is a file: name another folder")
    if not overwrite:
        raise FileExistsError(f"{path} exists: add --overwrite to replace it, or name another file")


def names_folder(name: str | Path) -> bool:
    """Return True if `name` ends in a slash, which stands for a folder, existing or not."""
    return str(name).endswith(("/", os.sep))


def with_ending(path: Path, ending: str) -> Path:
    """Return `path`, with `ending` added if it has no suffix. Streams and existing files stay."""
    stays = path.suffix or is_stream(path) or os.path.lexists(path)
    return path if stays else path.with_suffix(ending)


def would_replace(path: Path) -> bool:
    """Return True if `path` is a file and no stream, so that writing to it replaces it."""
    return os.path.isfile(path) and not is_stream(path)


def _end_of_links(path: Path) -> Path:
    """Return `path` with all symbolic links followed; there may be no file at the end of them.

    Raises OSError if links form a circle.
    """
    target = Path(os.path.realpath(path))
    if target.is_symlink():
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(path))
    return target


def _temporary_file(path: Path, target: Path | None) -> Path:
    """Make an empty file whose name ends in the suffix of `path`, and return its path.

    It is in the folder of `target`, so that renaming it is atomic, or in the system's temporary
    folder if `target` is None. Raises PermissionError if `target` or its folder may not be written,
    and FileNotFoundError if no file can be made there.
    """
    folder = target.parent if target else None
    if folder:
        make_folder(folder)
    try:
        if target and target.exists() and not os.access(target, os.W_OK):
            raise PermissionError
        handle, name = tempfile.mkstemp(dir=folder, prefix=f".{path.name}.", suffix=path.suffix)
    except PermissionError:
        raise PermissionError(f"no permission to write {path}: name another file") from None
    except FileNotFoundError:  # as in /proc; this error would name the temporary file
        raise FileNotFoundError(f"cannot write {path}: name a file in another folder") from None
    os.close(handle)
    return Path(name)


def _take_mode(temporary: Path, target: Path) -> None:
    """Give `temporary` the mode and owner of `target`; without a `target`, a new file's mode."""
    try:
        old = target.stat()
    except FileNotFoundError:
        temporary.chmod(0o666 & ~_umask())
        return
    for owner in (old.st_uid, -1):  # users who may not change the owner may still set the group
        with suppress(OSError, AttributeError):  # Windows has no owners
            os.chown(temporary, owner, old.st_gid)
            break
    temporary.chmod(stat.S_IMODE(old.st_mode))


def _umask() -> int:
    mask = os.umask(0)  # Python can read the mask only by setting it
    os.umask(mask)
    return mask
