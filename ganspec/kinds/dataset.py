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

from ganspec.language.errors import GanspecError, NoFolderError, one_line
from ganspec.language.kinds import Kind
from ganspec.language.registry import own_line

# errors that reading a missing or damaged file may raise
DAMAGES = (
    *(OSError, ValueError, EOFError, MemoryError),
    *(pickle.UnpicklingError, tarfile.TarError, zlib.error),
)


class DataError(GanspecError):
    """Raised when images or labels are missing, cannot be read, or do not fit their use."""


class DrawnError(DataError, NoFolderError):
    """Raised if the user names a folder for a data set that reads no folder."""


class Dataset(Kind, family="dataset"):
    """Images and labels to train on.

    A kind defines `load(folder, height, width, channels, **fields)`, a top-level function
    named `load_images`, whose text goes into emitted files. It returns images, uint8 N x C x H x W,
    and labels: int64 N for one class per image, or multi-hot uint8 N x classes. If it resizes
    images, it takes the keyword `resize`: `antialias`, `bilinear` or `tensorflow1`. If it takes
    `checked`, emitted files pass False, which skips checks of the files. If it takes `labelled`,
    they pass False where nothing reads labels, and it may return None for them. A kind with test
    images has the field `split`: `train`, `test` or, if it can read both together, `all`.

    `size` (height, width) and `channels` are used if the spec sets none. A data set that is drawn
    sets `needs_folder` to False; any other defines `holds`, `wanted`, and `fix`, advice for users
    who lack the files. Files are searched in the folders that `places` returns. A kind may add
    `well_known` folders, and `subfolders` of the usual ones.
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
        """Return a function, made by `reader`, that reads the test images.

        Return None if the data set has no field `split`, or if training reads the test images.
        """
        if getattr(self, "split", "test") != "train":
            return None
        return self.model_copy(update={"split": "test"}).reader(resize)

    def reader(self, resize: str = "antialias") -> partial:
        """Return `load` with `resize` and the kind's fields bound to it, except default values.

        The field `path` is left out: it names the folder, the first argument of `load`. Raises
        DataError if a field was changed from its default and `load` has no such parameter.
        """
        options = inspect.signature(type(self).load).parameters
        usual = {name: options[name].default for name in self.defaults() if name in options}
        own = self.changed()
        own |= {n: getattr(self, n) for n in usual if getattr(self, n) != usual[n]}
        own.pop("path", None)
        takes_all = any(option.kind is option.VAR_KEYWORD for option in options.values())
        if lost := [name for name in own if name not in options and not takes_all]:
            fault = f"`load` of {self.kind} takes no `{lost[0]}`, a field of the kind"
            raise DataError(f"{fault}: add it to the parameters of `load`")
        if resize != "antialias" and "resize" in options:
            own["resize"] = resize
        return partial(type(self).load, **own)

    def sources(self, folder: Path) -> list[Path] | None:
        """Return all files that `load` may read for `folder`, in a fixed order.

        The cache of decoded images compares the content of these files with that of earlier ones.
        Return None, the default, to keep the data set out of the cache.
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
            line = own_line(error)  # of a user's data set
            place = "{}:{}: ".format(*line) if line else ""
            raise DataError(f"{place}{self.kind}{where}: {reason}") from error

    def classes(self, folder: Path | None = None) -> list[str]:
        """Return the class names in the order of their labels, or [] if classes have no names.

        Names that are only in the files of `folder` are left out if that is None. No image is read.
        """
        return []

    def beside_labels(self, name: str) -> str:
        """Return the path of a file called `name` in the folder of the data set's label files.

        By default this is `name`, relative to the data set's folder.
        """
        return name

    def wanted(self) -> str:
        """Return words for the files that `holds` looks for, such as `a .npz file`."""
        raise NotImplementedError

    def holds(self, folder: Path) -> bool:
        """Return True if `folder` contains the files by which the data set is recognised."""
        raise NotImplementedError

    def own_path(self) -> str | None:
        """Return the value of the field `path`, a folder or file; None if unset or no field."""
        return getattr(self, "path", None)

    def places(self, folder: Path | None) -> list[Path]:
        """Return the folders to search for the files, in order.

        If the user named `folder`, or the spec a `path`, these are that folder, then the folders in
        it that are named after the kind or listed in `subfolders`, and no others, so that no other
        data are read by mistake. Otherwise these are `$GANSPEC_DATA`, `./data` and
        `~/.cache/ganspec/data`, each after such folders in it, and then `well_known`.
        """
        below = (self.kind, *self.subfolders)
        if folder is None and (own := self.own_path()):
            folder = Path(own)
        if folder:
            return [folder.expanduser(), *(folder.expanduser() / name for name in below)]
        roots = [Path("data"), Path("~/.cache/ganspec/data")]
        if variable := os.environ.get("GANSPEC_DATA"):
            roots.insert(0, Path(variable))
        # the folder named after the kind comes before `root`, since files of MNIST and of
        # Fashion-MNIST have the same names
        places = [place for root in roots for place in (*(root / name for name in below), root)]
        places += map(Path, self.well_known)
        return list(dict.fromkeys(place.expanduser() for place in places))

    def fetch(self, into: Path) -> bool:
        """Download the files to `into`. Return False if that fails, or if the kind cannot do it."""
        return False

    def locate(self, folder: Path | None) -> Path:
        """Return the first of `places` that contains the files. Raise DataError if none does.

        For a data set that is drawn, return the current folder, or raise DrawnError if the user
        named `folder`.
        """
        if not self.needs_folder:
            if folder:
                message = f"{self.kind} is drawn on the spot and reads no folder"
                raise DrawnError(f"{message}: leave --data {folder} out")
            return Path()
        places = self.places(folder)
        for place in places:
            if self.holds(place):
                return place
        folders = (place for place in places if not place.parent.is_file())
        looked = ", ".join(f"{p}, a file" if p.is_file() else str(p) for p in folders)
        fix = f"; {self.fix}" if self.fix else ""  # a user's own data set may have none
        raise DataError(f"{self.kind} needs {self.wanted()}; looked in {looked}{fix}")


def free_memory() -> float:
    """Return the available main memory in bytes; infinity if the system does not tell."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
    except OSError:
        return float("inf")
    words = (line.split() for line in lines if line.startswith("MemAvailable:"))
    return next((1024.0 * int(kilobytes) for _, kilobytes, *_ in words), float("inf"))
