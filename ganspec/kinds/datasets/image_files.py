"""Image files that are decoded one by one, and the rules for those that cannot be read."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import torch
from PIL import Image, UnidentifiedImageError

from ganspec.kinds.datasets import decoded
from ganspec.kinds.datasets.stamps import Stamp, load_stamps, save_stamps, stamp_of
from ganspec.language.errors import printable
from ganspec.progress import Progress

CACHED_SECONDS = decoded.SECONDS  # results of checks that take longer are cached
CACHE_PAUSE = 120.0  # seconds between two writes of the cache during a check
PORTION = 1024  # files that the threads check between two reports of progress
NAMED = 100  # most files that one message names


class Skipped(NamedTuple):
    """A file that cannot be read, the reason, and the file that is read in its place, or None."""

    file: str
    reason: str
    instead: str | None


class Batch(NamedTuple):
    """Images, uint8 B x C x H x W, the indices of the files they are from, and skipped files.

    `images` is None if no file of the whole data set can be read.
    """

    images: torch.Tensor | None
    indices: torch.Tensor
    skipped: list[Skipped]


class Listing(NamedTuple):
    """The images that a run began with: names, labels, hashes; `skipped` names unreadable files."""

    names: list[str]
    labels: list[int] | list[list[int]]
    hashes: list[str]
    skipped: list[str]


class ImageFiles(torch.utils.data.Dataset):
    """Images in files, decoded on demand, uint8 C x H x W.

    `decode(path, *form)` decodes a file. `form` begins with height, width and channels; or it is
    empty if images keep their sizes, and then `shape` and `read` cannot be used. With `transpose`,
    rows and columns are swapped afterwards. `check` and `listed` set `stamps`; to read a file whose
    content no longer has its stamp is an error. `skipped` are the files that `open_files` left out
    or `open_listed` replaced.
    """

    def __init__(
        self,
        folder: Path,
        files: Sequence[Path],
        labels: Sequence[int] | torch.Tensor,
        decode: Callable[..., torch.Tensor],
        form: tuple,
        transpose: bool = False,
    ):
        self.folder, self.files = Path(folder), list(files)
        self.labels = torch.as_tensor(labels)
        self.decode, self.form, self.transpose = decode, form, transpose
        self.stamps: list[Stamp | None] = [None] * len(self.files)
        self.skipped: list[Skipped] = []

    def __len__(self) -> int:
        return len(self.files)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, height and width of an image."""
        height, width, channels = self.form[:3]
        return (channels, width, height) if self.transpose else (channels, height, width)

    def name(self, index: int) -> str:
        """Return the path of the file at `index`, relative to `folder`."""
        return self.files[index].relative_to(self.folder).as_posix()

    def __getitem__(self, index: int) -> torch.Tensor:
        """Decode an image. Raises any error of `decode`, and ValueError if the file has changed."""
        path, stamp = self.files[index], self.stamps[index]
        if stamp and stamp_of(path, stamp).sha256 != stamp.sha256:
            raise ValueError("changed since it was first read")
        image = self.decode(path, *self.form)
        return image.mT.contiguous() if self.transpose else image

    def __getitems__(self, indices: Sequence[int]) -> Batch:
        """Decode images; each file that cannot be read is replaced by the next one that can."""
        images, used = [], []
        skipped: dict[int, Skipped] = {}
        for index in indices:
            lost = {}
            for i in chain(range(index, len(self)), range(index)):
                try:
                    images.append(self[i])
                except Exception as error:  # noqa: BLE001  (PIL can raise any exception)
                    lost[i] = reason_of(error, self.files[i])
                else:
                    used.append(i)
                    break
            instead = self.name(i) if len(lost) < len(self) else None
            skipped |= {k: Skipped(self.name(k), why, instead) for k, why in lost.items()}
            if instead is None:
                return Batch(None, torch.tensor(used), list(skipped.values()))
        return Batch(torch.stack(images), torch.tensor(used), list(skipped.values()))

    def take(self, indices: torch.Tensor) -> ImageFiles:
        """Return the images at `indices`, without decoding any."""
        part, chosen = copy.copy(self), indices.tolist()
        part.files = [self.files[i] for i in chosen]
        part.stamps = [self.stamps[i] for i in chosen]
        part.labels = self.labels[indices]
        return part

    def listed(self, listing: Listing) -> ImageFiles:
        """Return the images of `listing`, without a check that the folder has their files."""
        part = copy.copy(self)
        part.files = [self.folder / name for name in listing.names]
        part.labels = torch.tensor(listing.labels, dtype=self.labels.dtype)
        part.stamps = [Stamp(-1, -1, each) for each in listing.hashes]
        return part

    def read(self) -> tuple[list[str | None], torch.Tensor]:
        """Return two things for each file: why it cannot be read, or None; and its pixels.

        Pixels are uint8 N x C x H x W, undefined for files that cannot be read.
        """
        is_cached = decoded.is_builtin(self.decode) and decoded.limit() > 0
        if is_cached and 2 * len(load_stamps(self.folder)) >= len(self):
            reasons = self.check()  # most stamps are cached, so this decodes few files
            if (known := decoded.recall(self._key(reasons))) is not None:
                if not any(reasons):
                    return reasons, known[0]
                pixels = _empty(self)
                pixels[_readable(reasons)] = known[0]
                return reasons, pixels
        pixels, started = _empty(self), time.monotonic()
        reasons = self.check(pixels)
        if is_cached and time.monotonic() - started > CACHED_SECONDS and not all(reasons):
            chosen = _readable(reasons) if any(reasons) else slice(None)
            decoded.store(self._key(reasons), pixels[chosen], self.labels[chosen])
        return reasons, pixels

    def _key(self, reasons: list[str | None]) -> str:
        """Return the key in the cache for the pixels of the files whose reason is None."""
        way = (self.decode.__name__, self.form, self.transpose)
        pairs = zip(self.stamps, reasons, strict=True)
        return decoded.key_of(way, [stamp.sha256 for stamp, why in pairs if stamp and not why])

    def check(self, pixels: torch.Tensor | None = None) -> list[str | None]:
        """Return for each file why it cannot be read, or None. Set the stamps of those that can.

        If `pixels` is not None, all files are decoded into it. Otherwise a file is decoded only to
        see if it can be read, and not at all if the cache says so already.
        """
        saved, cached = time.monotonic(), load_stamps(self.folder)
        progress = Progress(f"reading {self.folder}", "images", lines=True)
        reasons: list[str | None] = []

        def check_some(indices: range) -> list[str | None]:
            return [self._check_one(i, cached, pixels) for i in indices]

        with ThreadPoolExecutor() as pool:  # PIL decodes without the interpreter's lock
            for first in range(0, len(self), PORTION):
                portion = range(first, min(first + PORTION, len(self)))
                tasks = [portion[i : i + PORTION // 32] for i in range(0, PORTION, PORTION // 32)]
                for some in pool.map(check_some, tasks):
                    reasons += some
                progress(len(reasons), len(self))
                waited = time.monotonic() - saved
                # stamps are saved during the check, too, so that hours of it survive a stop
                is_last = len(reasons) == len(self)
                if waited > (CACHED_SECONDS if is_last else CACHE_PAUSE):
                    pairs = enumerate(zip(self.stamps, reasons, strict=False))
                    read = {self.name(i): stamp for i, (stamp, why) in pairs if stamp and not why}
                    save_stamps(self.folder, cached | read)
                    saved = time.monotonic()
        return reasons

    def _check_one(
        self, index: int, cached: dict[str, Stamp], pixels: torch.Tensor | None
    ) -> str | None:
        """Return the reason why a file cannot be read, or None; `cached` are stamps by name."""
        path, expected = self.files[index], self.stamps[index]
        known = cached.get(self.name(index))
        try:
            stamp = stamp_of(path, known)
            if expected and stamp.sha256 != expected.sha256:
                return "changed since it was first read"
            self.stamps[index] = stamp
            if pixels is not None:
                pixels[index] = self[index]
            elif stamp != known:
                self[index]
        except Exception as error:  # noqa: BLE001  (PIL can raise any exception)
            self.stamps[index] = expected
            return reason_of(error, path)
        return None


def reason_of(error: Exception, path: Path) -> str:
    """Return in a few words why reading the file `path` raised `error`."""
    text = str(error).split("\n")[0]
    if isinstance(error, FileNotFoundError):
        return "gone"
    if isinstance(error, PermissionError):
        return "no permission to read it"
    if isinstance(error, UnidentifiedImageError):
        return "empty" if _is_empty(path) else "no image"
    if isinstance(error, Image.DecompressionBombError):
        return f"too large: more than {2 * (Image.MAX_IMAGE_PIXELS or 0):,} pixels"
    if isinstance(error, MemoryError):
        return "too large for the memory"
    if isinstance(error, OSError) and error.strerror:
        return printable(error.strerror)
    if "truncated" in text.lower():
        return "truncated"
    return printable(text) or type(error).__name__


def _is_empty(path: Path) -> bool:
    try:
        return path.stat().st_size == 0
    except OSError:
        return False


def open_files(files: ImageFiles, in_memory: bool) -> tuple[ImageFiles, torch.Tensor | None]:
    """Return the files that can be read, and their pixels if `in_memory`, else None.

    Files that cannot be read are in `skipped` of those returned. Raises ValueError if none can be
    read.
    """
    reasons, pixels = files.read() if in_memory else (files.check(), None)
    readable = _readable(reasons)
    part = files.take(readable.nonzero().flatten())
    part.skipped = [Skipped(files.name(i), why, None) for i, why in enumerate(reasons) if why]
    if not len(part):
        message = f"none of the {len(files)} images can be read"
        raise ValueError(f"{message}: {name_skipped(part.skipped)}")
    return part, pixels if pixels is None or readable.all() else pixels[readable]


def open_listed(
    files: ImageFiles, listing: Listing, in_memory: bool
) -> tuple[ImageFiles, torch.Tensor | None]:
    """Return the images of `listing`, and their pixels if `in_memory`, else None.

    An image that cannot be read or has changed is replaced by the next one that can be read.
    Raises ValueError if more than half of the images would be replaced.
    """
    whole = files.listed(listing)
    reasons, pixels = whole.read() if in_memory else (whole.check(), None)
    lost = [i for i, reason in enumerate(reasons) if reason is not None]
    instead = list(range(len(whole)))
    for i in 2 * lost[::-1]:  # twice, since the first image may replace the last
        instead[i] = instead[(i + 1) % len(whole)]
    whole.skipped = [Skipped(whole.name(i), str(reasons[i]), whole.name(instead[i])) for i in lost]
    if 2 * len(lost) > len(whole):
        raise ValueError(
            f"{len(lost)} of the {len(whole)} images that the run began with are missing, changed "
            f"or unreadable: {name_skipped(whole.skipped, 3)}; give the folder that it began with"
        )
    whole.labels = whole.labels[instead]
    return whole, pixels if pixels is None or not lost else pixels[instead]


def _readable(reasons: list[str | None]) -> torch.Tensor:
    """Return a mask of the files that can be read: those whose reason is None."""
    return torch.tensor([reason is None for reason in reasons])


def _empty(files: ImageFiles) -> torch.Tensor:
    """Return memory for the pixels of all files, not yet filled."""
    return torch.empty(len(files), *files.shape, dtype=torch.uint8)


def name_skipped(skipped: Sequence[Skipped], most: int = NAMED) -> str:
    """Return up to `most` skipped files with their reasons, and how many more, on one line."""
    names = [f"{printable(each.file)} ({each.reason})" for each in skipped[:most]]
    more = [f"and {len(skipped) - most} more"] if len(skipped) > most else []
    return ", ".join(names + more)
