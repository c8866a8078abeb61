"""CIFAR-10: 60,000 colour photographs, 32 x 32, in ten classes."""

from __future__ import annotations

import io
import pickle
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
import torch

from ganspec.kinds.dataset import DAMAGES, Dataset
from ganspec.kinds.datasets.images import grey_images, resize_images
from ganspec.language.errors import one_line

# the names of the files of each split
BATCHES = {"train": [f"data_batch_{i}" for i in range(1, 6)], "test": ["test_batch"]}
BATCHES["all"] = BATCHES["train"] + BATCHES["test"]


def read_batch(file, name, checked=True):
    """Read a CIFAR-10 file: pixels, uint8 N x 3 x 32 x 32, and a list of N labels."""
    # a pickle can run any code: allow only the names that make up an array
    parts = {"numpy.ndarray", "numpy.dtype", "_codecs.encode"}
    parts |= {f"numpy.{core}.multiarray._reconstruct" for core in ("core", "_core")}
    parts |= {"numpy._core.numeric._frombuffer"}

    # the unpickler in Python: with the fast one, a damaged number can fill memory
    class ArrayUnpickler(pickle._Unpickler):
        def find_class(self, module, attribute):
            if f"{module}.{attribute}" not in parts:
                raise pickle.UnpicklingError(f"{name} asks for {module}.{attribute}")
            return super().find_class(module, attribute)

    if not checked:
        batch = ArrayUnpickler(file, encoding="bytes").load()
        return batch[b"data"].reshape(-1, 3, 32, 32), batch[b"labels"]
    try:
        batch = ArrayUnpickler(file, encoding="bytes").load()
        pixels, labels = batch[b"data"], batch[b"labels"]
        if pixels.dtype != np.uint8 or len(pixels) != len(labels) or len(labels) == 0:
            raise ValueError(f"{len(pixels)} {pixels.dtype} images, {len(labels)} labels")
        if not all(type(label) is int and 0 <= label < 10 for label in labels):
            raise ValueError("its labels are not whole numbers from 0 to 9")
        return pixels.reshape(len(labels), 3, 32, 32), labels
    except Exception as error:  # a damaged file can raise any exception
        reason = str(error).partition("\n")[0] or type(error).__name__
        raise ValueError(f"{name} is damaged, or not a CIFAR-10 batch: {reason}") from error


def read_batches(folder, names, checked):
    """Return pixels and labels by file name, from unpacked files or the archive."""
    for place in (folder, folder / "cifar-10-batches-py"):
        if all((place / name).is_file() for name in names):
            files = {name: io.BytesIO((place / name).read_bytes()) for name in names}
            return {name: read_batch(file, name, checked) for name, file in files.items()}
    batches = {}
    # in the archive's order: looking up each file would unpack the archive again
    with tarfile.open(folder / "cifar-10-python.tar.gz") as archive:
        for member in archive:
            name = Path(member.name).name
            if name in names and member.isfile():
                batches[name] = read_batch(archive.extractfile(member), name, checked)
        if checked:
            while archive.fileobj.read(2**20):  # the checksum is at its end
                pass
    if checked and (missing := set(names) - set(batches)):
        raise ValueError(f"there is no {', '.join(sorted(missing))}")
    return batches


def load_images(
    folder, height, width, channels, split="train", resize="antialias", checked=True, labelled=True
):
    """Read CIFAR-10: uint8 images N x C x H x W, and labels 0 to 9, None if unused."""
    names = [f"data_batch_{i}" for i in range(1, 6)]
    if split == "test":
        names = ["test_batch"]
    if split == "all":
        names.append("test_batch")
    batches = read_batches(Path(folder), names, checked)
    images = torch.from_numpy(np.concatenate([batches[name][0] for name in names]))
    classes = [label for name in names for label in batches[name][1]] if labelled else None
    labels = torch.tensor(classes) if labelled else None
    if channels == 1:
        images = grey_images(images)
    if (height, width) != (32, 32):
        return resize_images(images, height, width, resize), labels
    return images, labels


class Cifar10(Dataset, kind="cifar10"):
    """CIFAR-10: 50,000 training and 10,000 test photographs, ten classes."""

    load: ClassVar = staticmethod(load_images)
    subfolders: ClassVar = ("cifar-10-batches-py",)
    well_known: ClassVar = (
        "/usr/share/datasets/cifar10",
        "~/.keras/datasets/cifar-10-batches-py",
    )
    fix: ClassVar = "put cifar-10-python.tar.gz, or its content, into ./data or name the folder"

    size: ClassVar = (32, 32)

    split: Literal["train", "test", "all"] = "train"

    def label_kind(self) -> tuple[str, int]:
        return "classes", 10

    def classes(self, folder: Path | None = None) -> list[str]:
        """Return the published names; `batches.meta`, a pickle with the same names, is not read."""
        return [
            *("airplane", "automobile", "bird", "cat", "deer"),
            *("dog", "frog", "horse", "ship", "truck"),
        ]

    @contextmanager
    def reading(self, folder: Path) -> Iterator[None]:
        with super().reading(folder):
            try:
                yield
            except DAMAGES as error:
                if self.place_of_batches(folder):
                    raise
                reason = one_line(error).rstrip(":")
                raise ValueError(f"{reason}, in cifar-10-python.tar.gz") from error

    def sources(self, folder: Path) -> list[Path]:
        if (place := self.place_of_batches(folder)) is None:
            return [folder / "cifar-10-python.tar.gz"]
        return [place / name for name in BATCHES["all"] if (place / name).is_file()]

    def wanted(self) -> str:
        train, test = "data_batch_1 to data_batch_5", "test_batch"
        files = {"train": train, "test": test, "all": f"{train} and {test}"}[self.split]
        return f"{files} or cifar-10-python.tar.gz"

    def holds(self, folder: Path) -> bool:
        return (folder / "cifar-10-python.tar.gz").is_file() or self.holds_batches(folder)

    def holds_batches(self, folder: Path) -> bool:
        """Return True if `folder` itself contains the split's files, unpacked."""
        return all((folder / name).is_file() for name in BATCHES[self.split])

    def place_of_batches(self, folder: Path) -> Path | None:
        """Return `folder` or its `cifar-10-batches-py`, whichever has the split's unpacked files.

        Return None if neither has them.
        """
        places = (folder, folder / self.subfolders[0])
        return next(filter(self.holds_batches, places), None)
