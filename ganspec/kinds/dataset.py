"""Base class of data sets, which finds their files and reads images and labels."""

from __future__ import annotations

import inspect
import os
import pickle
import tarfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import ClassVar

from ganspec.language.errors import GanspecError, one_line
from ganspec.language.kinds import Kind

DAMAGES = (
    *(OSError, ValueError, EOFError, MemoryError),
    *(pickle.UnpicklingError, tarfile.TarError, zlib.error),
)


class DataError(GanspecError):
    """Raised when a data set's files are missing or cannot be read."""


class Dataset(Kind, family="dataset"):
    """Images and labels to train on.

    A kind defines `load(folder, height, width, channels, **fields)`, a top-level function
    named `load_images`, whose text goes into emitted files. It returns images, uint8 N x C x H x W,
    and labels: int64 N for one class per image, or multi-hot uint8 N x classes. If it resizes
    images, it takes the keyword `resize`: `antialias`, `bilinear` or `tensorflow1`. A kind with
    test images has the field `split`: `train`, `test` or, if it can read both together, `all`.

    `size` (height, width) and `channels` are the defaults of a spec. A data set without files sets
    `needs_folder` to False; any other defines `holds`, `wanted`, and `fix`, advice for users who
    lack the files. A kind may list `subfolders` of the usual folders to search, and
    `well_known` folders.
    """

    load: ClassVar[Callable]
    needs_folder: ClassVar[bool] = True
    size: ClassVar[tuple[int, int]] = (64, 64)
    channels: ClassVar[int] = 3
    subfolders: ClassVar[tuple[str, ...]] = ()
    well_known: ClassVar[tuple[str, ...]] = ()
    fix: ClassVar[str] = ""

    def label_kind(self) -> tuple[str, int] | None:
        """Return the form of the labels and the number of classes, such as `("classes", 10)`.

        The form is `classes` or `multi_hot`. Return None if one must read the files to know.
        """
        return None

    def image_count(self) -> int | None:
        """Return the number of images; None if one must read the files to know."""
        return None

    def test_reader(self, resize: str = "antialias") -> partial | None:
        """Return the `reader` of the test images.

        Return None if the data set has no splits, or the spec trains on the test images.
        """
        if getattr(self, "split", "test") != "train":
            return None
        return self.model_copy(update={"split": "test"}).reader(resize)

    def reader(self, resize: str = "antialias") -> partial:
        """Return `load` with those of the kind's fields, and `resize`, that are not at defaults.

        The field `path` is left out: it names the folder, the first argument of `load`.
        """
        own = {name: value for name, value in self.changed().items() if name != "path"}
        if resize != "antialias" and "resize" in inspect.signature(type(self).load).parameters:
            own["resize"] = resize
        return partial(type(self).load, **own)

    def sources(self, folder: Path) -> list[Path] | None:
        """Return all files in `folder` that `load` may read, in a fixed order.

        The cache of decoded images finds a data set by the content of these files. Return None to
        keep the data set out of the cache.
        """
        return None

    @contextmanager
    def reading(self, folder: Path) -> Iterator[None]:
        """Turn errors that missing or damaged files cause in a `with` block into DataError."""
        try:
            yield
        except DAMAGES as error:
            where, reason = f" in {folder}" if self.needs_folder else "", one_line(error)
            if isinstance(error, FileNotFoundError) and error.filename:
                reason = f"there is no file {error.filename}"
            raise DataError(f"{self.kind}{where}: {reason}") from error

    def classes(self, folder: Path | None = None) -> list[str]:
        """Return the class names in the order of their labels, or [] if classes have no names.

        No image is read. If `folder` is None, the names are those published with the data set.
        """
        return []

    def beside_labels(self, name: str) -> str:
        """Return the path of the file `name` that lies in the folder of the label files.

        The path is relative to the data set's folder, unless the spec names the labels elsewhere.
        """
        return name

    def wanted(self) -> str:
        """Describe the files that `holds` looks for, such as `a .npz file`."""
        raise NotImplementedError

    def holds(self, folder: Path) -> bool:
        """Return True if `folder` contains the files that `load` reads."""
        raise NotImplementedError

    def own_path(self) -> str | None:
        """Return the folder or file that the spec names in the field `path`, if the kind has it."""
        return getattr(self, "path", None)

    def places(self, folder: Path | None) -> list[Path]:
        """Return the folders to search for the files, in order.

        If the user named `folder`, or the spec a `path`, no other data can replace it: only that
        folder and folders below it are searched.
        """
        below = (self.kind, *self.subfolders)
        if folder is None and (own := self.own_path()):
            folder = Path(own)
        if folder:
            return [folder.expanduser(), *(folder.expanduser() / name for name in below)]
        roots = [Path("data"), Path("~/.cache/ganspec/data")]
        if variable := os.environ.get("GANSPEC_DATA"):
            roots.insert(0, Path(variable))
        # `root` itself comes last: MNIST and Fashion-MNIST have the same file names
        places = [place for root in roots for place in (*(root / name for name in below), root)]
        places += map(Path, self.well_known)
        return list(dict.fromkeys(place.expanduser() for place in places))

    def fetch(self, into: Path) -> bool:
        """Download the files to `into`, if they are public. Return True on success."""
        return False

    def locate(self, folder: Path | None) -> Path:
        """Return the first of `places` that contains the files. Raise DataError if none does.

        For a data set without files, return the current folder. Raise DataError if the user named
        `folder` for such a data set.
        """
        if not self.needs_folder:
            if folder:
                raise DataError(
                    f"{self.kind} is drawn on the spot and reads no folder: leave --data {folder} "
                    "out, or name the data set of your images, such as "
                    "`--set data.dataset=image_folder`"
                )
            return Path()
        places = self.places(folder)
        for place in places:
            if self.holds(place):
                return place
        raise DataError(
            f"{self.kind} needs {self.wanted()}; looked in "
            f"{', '.join(map(str, places))}; {self.fix}"
        )


def free_memory() -> float:
    """Return the available main memory in bytes; infinite if unknown."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
    except OSError:
        return float("inf")
    words = (line.split() for line in lines if line.startswith("MemAvailable:"))
    return next((1024.0 * int(kilobytes) for _, kilobytes, *_ in words), float("inf"))
