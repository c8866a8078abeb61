"""Base class of data sets: the places of their files, and the function that reads them."""

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
    """A data set's files are missing or cannot be read."""


class Dataset(Kind, family="dataset"):
    """Images and labels to train on.

    A kind defines `load(folder, height, width, channels, **fields)`, a function named `load_images`
    at the top of its file, whose text goes into emitted files. It returns images, uint8
    N x C x H x W, and labels: int64 N if each image is of one class, uint8 N x classes of 0 and 1
    if it may be of several. A data set that resizes images takes the keyword `resize`, a method of
    `resize_images`; one with images for testing has the field `split`, `train` or `test`.

    `size` (height, width) and `channels` are the defaults of a spec. A data set without files sets
    `needs_folder` to False; one with files defines `holds` and `wanted`, and `fix`, the advice for
    users without the files. It may list `subfolders` of the usual folders and `well_known` folders
    to search. If its images may be too many for memory, it sets `in_memory` to False and defines
    `files`.
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
        """Return the labels' kind and number: `("classes", 10)`, or `("multi_hot", 24)`.

        Return None if they depend on the files, which are not read.
        """
        return None

    def test_reader(self, resize: str = "antialias") -> partial | None:
        """Return `reader` of the split `test`; None if there is none or the split is `test`."""
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
        """Raise DataError for what damaged or missing files raise in a `with` block."""
        try:
            yield
        except (OSError, ValueError, pickle.UnpicklingError, tarfile.TarError, EOFError) as error:
            where, reason = f" in {folder}" if self.needs_folder else "", str(error)
            if isinstance(error, FileNotFoundError) and error.filename:
                reason = f"there is no file {error.filename}"
            raise DataError(f"{self.kind}{where}: {reason}") from error

    def classes(self, folder: Path | None = None) -> list[str]:
        """Return the names of the classes in the order of their labels; [] if they have none.

        Images are not read. Without a folder the names are those published with the data set.
        """
        return []

    def wanted(self) -> str:
        """Return words for the files that `holds` looks for."""
        raise NotImplementedError

    def holds(self, folder: Path) -> bool:
        """Return True if `folder` holds the files that `load` reads."""
        raise NotImplementedError

    def places(self, folder: Path | None) -> list[Path]:
        """Return every folder that may hold the files, the likeliest first.

        The first ones are `folder`, the user's own, and folders below it.
        """
        below = (self.kind, *self.subfolders)
        places = [folder, *(folder / name for name in below)] if folder else []
        roots = [Path("data"), Path("~/.cache/ganspec/data")]
        if variable := os.environ.get("GANSPEC_DATA"):
            roots.insert(0, Path(variable))
        for root in roots:
            # the folder itself comes last: MNIST and Fashion-MNIST share file names
            places += [*(root / name for name in below), root]
        places += map(Path, self.well_known)
        return list(dict.fromkeys(place.expanduser() for place in places))

    def fetch(self, into: Path) -> bool:
        """Download the files to `into`, if they are public. Return True if that worked."""
        return False

    def locate(self, folder: Path | None) -> Path:
        """Return the first of `places` that holds the files. Raise DataError if none does.

        Warn if it is not `folder`, the user's own, or below it.
        """
        if not self.needs_folder:
            return folder or Path()
        places = self.places(folder)
        for place in places:
            if not self.holds(place):
                continue
            if folder and not place.is_relative_to(folder.expanduser()):
                message = f"no {self.kind} in {folder}; using {place}"
                warnings.warn(message, stacklevel=2)
            return place
        raise DataError(
            f"{self.kind} needs {self.wanted()}; looked in "
            f"{', '.join(map(str, places))}; {self.fix}"
        )
