"""What every data set is: where its files may lie, and what reads them."""

from __future__ import annotations

import inspect
import os
import pickle
import tarfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import ClassVar

from ganspec.language.errors import GanspecError
from ganspec.language.kinds import Kind


class DataError(GanspecError):
    """A data set's files are in none of the places where they may be, or cannot be read."""


class Dataset(Kind, family="dataset"):
    """Images and labels to train on.

    `load(folder, height, width, channels, **fields)` gives images, uint8
    N x C x H x W, and labels. These are int64 N where each image is of one class, and
    uint8 N x classes, 0 or 1, where it may be of several (`iclevr`, and `shapes` with
    labels). It is a plain function because emitted programs carry its text.

    A data set with a part that is held out for testing has the field `split`; where it
    resizes images, `load` has the keyword `resize`, one of `resize_images`'s methods.
    """

    load: ClassVar[Callable]
    needs_folder: ClassVar[bool] = True
    in_memory: ClassVar[bool] = True
    size: ClassVar[tuple[int, int]] = (64, 64)
    channels: ClassVar[int] = 3
    subfolders: ClassVar[tuple[str, ...]] = ()
    well_known: ClassVar[tuple[str, ...]] = ()
    fix: ClassVar[str] = ""

    def label_kind(self) -> tuple[str, int] | None:
        """What the labels are: `("classes", 10)`, or `("multi_hot", 24)` for 0s and 1s.

        None where only the files tell. The files are not looked at.
        """
        return None

    def test_reader(self, resize: str = "antialias") -> partial | None:
        """`reader` of the held-out split; None where there is none, or where it is read already."""
        if getattr(self, "split", "test") == "test":
            return None
        return self.model_copy(update={"split": "test"}).reader(resize)

    def reader(self, resize: str = "antialias") -> partial:
        """Return `load` with fields that are not at their defaults, and `resize` if it has it."""
        own = self.changed()
        if resize != "antialias" and "resize" in inspect.signature(type(self).load).parameters:
            own["resize"] = resize
        return partial(type(self).load, **own)

    @contextmanager
    def reading(self, folder: Path) -> Iterator[None]:
        """Within the block, what damaged or missing files raise becomes a `DataError`."""
        try:
            yield
        except (OSError, ValueError, pickle.UnpicklingError, tarfile.TarError, EOFError) as error:
            where = f" in {folder}" if self.needs_folder else ""
            missing = isinstance(error, FileNotFoundError) and error.filename
            what = f"there is no file {error.filename}" if missing else error
            raise DataError(f"{self.kind}{where}: {what}") from error

    def classes(self, folder: Path | None = None) -> list[str]:
        """Names of the classes in the order of their labels; none where nothing gives any.

        Images are not read. With no folder the names are those published with the data set.
        """
        return []

    def wanted(self) -> str:
        """The files that `holds` looks for, in words."""
        raise NotImplementedError

    def holds(self, folder: Path) -> bool:
        """Whether `load` would find its files in `folder`."""
        raise NotImplementedError

    def places(self, given: Path | None) -> list[Path]:
        """Every folder that may hold the files, best first."""
        below = (self.kind, *self.subfolders)
        places = [given, *(given / name for name in below)] if given else []
        roots = [Path("data"), Path("~/.cache/ganspec/data")]
        if root := os.environ.get("GANSPEC_DATA"):
            roots.insert(0, Path(root))
        for root in roots:
            # the folder itself comes last: MNIST and Fashion-MNIST share file names
            places += [*(root / name for name in below), root]
        places += map(Path, self.well_known)
        return list(dict.fromkeys(place.expanduser() for place in places))

    def fetch(self, into: Path) -> bool:
        """Get the files from where anybody can, into `into`; whether that worked."""
        return False

    def locate(self, given: Path | None) -> Path:
        """First of `places` that holds the files; raises `DataError` if none does."""
        if not self.needs_folder:
            return given or Path()
        places = self.places(given)
        for place in places:
            if not self.holds(place):
                continue
            if given and not place.is_relative_to(given.expanduser()):
                message = f"no {self.kind} in {given}; using {place}"
                warnings.warn(message, stacklevel=2)
            return place
        raise DataError(
            f"{self.kind} needs {self.wanted()}; looked in "
            f"{', '.join(map(str, places))}; {self.fix}"
        )
