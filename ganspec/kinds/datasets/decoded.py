"""The cache of decoded images, which are found by the content of their files."""

from __future__ import annotations

import hashlib
import os
import tempfile
import time
import warnings
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import cache, partial
from pathlib import Path

import numpy as np
import PIL
import torch

from ganspec.kinds.dataset import DataError, Dataset
from ganspec.kinds.datasets.stamps import load_stamps, save_stamps, stamp_of

CACHE = Path("~/.cache/ganspec/decoded")
VARIABLE = "GANSPEC_CACHE_GIB"
GIBIBYTES = 4.0  # size limit of the cache, unless the variable sets another
SECONDS = 0.5  # images that were read in less time are not cached
ABANDONED = 86400.0  # seconds after which an unfinished file was likely left by a killed process


def read_dataset(
    dataset: Dataset, reader: partial, folder: Path, height: int, width: int, channels: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the images and labels in `folder`, from the cache or else by `reader`.

    `reader` is the result of the method `reader` or `test_reader` of `dataset`. What is read is
    cached if the cache is on, the data set is one of ganspec's and lists its `sources`, and reading
    takes more than SECONDS and gives no warning. Raises DataError if the cache's limit is not a
    number, and any error of `reader`.
    """
    form = (height, width, channels)
    read = partial(reader, folder, *form)
    known = load_stamps(folder)
    try:
        is_cached = limit() > 0 and is_builtin(type(dataset))
        if not is_cached or (paths := dataset.sources(folder)) is None:
            return read()
        stamps = {str(path): stamp_of(path, known.get(str(path))) for path in paths}
    except (OSError, ValueError):
        return read()  # its error says what is wrong with the files
    way = (dataset.kind, sorted(reader.keywords.items()), form)
    key = key_of(way, [stamp.sha256 for stamp in stamps.values()])
    if (cached := recall(key)) is not None:
        return cached
    started = time.monotonic()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        images, labels = read()
    for each in caught:
        warnings.warn_explicit(each.message, each.category, each.filename, each.lineno)
    if time.monotonic() - started > SECONDS and not caught:
        save_stamps(folder, known | stamps)
        store(key, images, labels)
    return images, labels


def limit() -> float:
    """Return how many bytes the cache may hold, 0 for no cache.

    Raises DataError if the environment variable VARIABLE is not a number from 0.
    """
    text = os.environ.get(VARIABLE, "")
    try:
        gibibytes = float(text) if text.strip() else GIBIBYTES
        if not gibibytes >= 0:
            raise ValueError
    except ValueError:
        raise DataError(
            f"{VARIABLE} is {text!r}: give the cache of decoded images a number of GiB, "
            f"such as {GIBIBYTES:g}, or 0 for no cache"
        ) from None
    return gibibytes * 2**30


def key_of(form: object, contents: Iterable[str]) -> str:
    """Return a hash of all that decoded images depend on, as their name in the cache.

    `form` holds the kind or decoder, the size, channels and options that they are read with;
    `contents` are the hashes of their files, in order. The hash also covers the code in
    `ganspec.kinds.datasets`, the versions of the libraries that it calls, and the CPU's features.
    """
    versions = (torch.__version__, np.__version__, PIL.__version__, _code_hash())
    text = f"{versions} {torch.backends.cpu.get_cpu_capability()} {form}\n" + "\n".join(contents)
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


def is_builtin(code: Callable | type) -> bool:
    """Return True if `code` is in `ganspec.kinds.datasets`, so that every key covers its text."""
    return code.__module__.startswith(f"{__package__}.")


@cache
def _code_hash() -> str:
    """Return a hash of the text of all modules in `ganspec.kinds.datasets`."""
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def recall(key: str) -> tuple[torch.Tensor, torch.Tensor] | None:
    """Return the images and labels under `key`; None if the cache lacks them or they are damaged.

    Damage is found by the checksums of the .npz file, which numpy compares.
    """
    path = _path(key)
    try:
        with np.load(path, allow_pickle=False) as arrays:
            images, labels = (torch.from_numpy(arrays[name]) for name in ("images", "labels"))
        if images.dtype != torch.uint8 or images.ndim != 4 or len(labels) != len(images):
            raise ValueError
    except Exception:  # noqa: BLE001  (a missing file, or any error of a damaged zip file)
        return None
    with suppress(OSError):
        os.utime(path)  # a full cache deletes the files with the oldest times first
    return images, labels


def store(key: str, images: torch.Tensor, labels: torch.Tensor) -> None:
    """Cache images and labels under `key`; then delete old files until the limit is met.

    Do nothing if these images alone exceed the limit, or if the cache cannot be written, as on a
    full disk.
    """
    if images.nbytes + labels.nbytes > limit():
        return
    path, temporary = _path(key), None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".npz")
        # without waiting for the disk: `recall` notices a file that a crash has cut off
        with os.fdopen(handle, "wb") as file:
            np.savez(file, images=images.numpy(), labels=labels.numpy())
        os.replace(temporary, path)
        _shrink(path.parent, limit())
    except OSError:
        if temporary:
            Path(temporary).unlink(missing_ok=True)


def _shrink(folder: Path, most: float) -> None:
    """Delete the cached files that were used longest ago, until at most `most` bytes are left.

    Also delete unfinished files that are older than ABANDONED. Another process may delete files
    meanwhile.
    """
    files = []
    for path in folder.glob("*.npz"):
        with suppress(FileNotFoundError):
            status = path.stat()
            is_unfinished = path.name.startswith(".")
            if not is_unfinished:
                files.append((status.st_mtime, status.st_size, path))
            elif time.time() - status.st_mtime > ABANDONED:
                path.unlink()
    size = sum(bytes_ for _, bytes_, _ in files)
    for _, bytes_, path in sorted(files):
        if size <= most:
            return
        path.unlink(missing_ok=True)
        size -= bytes_


def _path(key: str) -> Path:
    return CACHE.expanduser() / f"{key}.npz"
