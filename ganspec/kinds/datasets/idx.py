"""IDX files, the format of MNIST and of its replacements."""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from itertools import islice
from pathlib import Path
from typing import ClassVar, Literal

import torch

from ganspec.kinds.dataset import Dataset
from ganspec.kinds.datasets.images import resize_images

MEGABYTES = 2048  # largest unpacked size of a gzipped file; more could fill memory
FILES = {  # names of the files of each split, without `.gz`
    "train": ["train-images-idx3-ubyte", "train-labels-idx1-ubyte"],
    "test": ["t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"],
}
FILES["all"] = FILES["train"] + FILES["test"]


def find_idx(folder, name):
    """Return the path of `name` or `name`.gz in `folder`; None if neither is a file."""
    paths = (Path(folder) / name, Path(folder) / f"{name}.gz")
    return next((path for path in paths if path.is_file()), None)


def read_idx(folder, name, dimensions):
    """Read the IDX file `name`, plain or gzipped: uint8, with `dimensions` axes."""
    path = find_idx(folder, name)
    if path is None:
        raise FileNotFoundError(f"no {name} or {name}.gz in {folder}")
    if path.suffix == ".gz":
        try:
            with gzip.open(path) as file:
                parts = iter(lambda: file.read(2**20), b"")
                data = b"".join(islice(parts, MEGABYTES))
        except (EOFError, OSError, zlib.error) as error:
            raise ValueError(f"{path} is truncated or damaged: {error}") from error
    else:
        data = path.read_bytes()
    start = 4 + 4 * dimensions
    if data[:4] != bytes([0, 0, 8, dimensions]) or len(data) < start:
        raise ValueError(f"{path} is not an IDX file of {dimensions}-d unsigned bytes")
    shape = struct.unpack(f">{dimensions}I", data[4:start])
    if 0 in shape:
        raise ValueError(f"{path} has no data by its header: copy or download it again")
    if len(data) != start + math.prod(shape):
        counts = f"{len(data) - start} bytes of data, not {math.prod(shape)}"
        raise ValueError(f"{path} has {counts}: copy or download it again")
    return torch.frombuffer(bytearray(data[start:]), dtype=torch.uint8).reshape(shape)


def read_labels(folder, prefix, count):
    """Read the labels of `count` images, 0 to 9, int64."""
    labels = read_idx(folder, f"{prefix}-labels-idx1-ubyte", 1)
    if count != len(labels):
        raise ValueError(f"{prefix}: {count} images but {len(labels)} labels")
    return labels.long()


def load_images(folder, height, width, channels, split="train", resize="antialias", labelled=True):
    """Read images, uint8 N x C x H x W, and labels 0 to 9, int64 N, None if unused."""
    prefix = "t10k" if split == "test" else "train"
    images = read_idx(folder, f"{prefix}-images-idx3-ubyte", 3)[:, None]
    if labelled:
        labels = read_labels(folder, prefix, len(images))
    if split == "all":
        more = read_idx(folder, "t10k-images-idx3-ubyte", 3)[:, None]
        if more.shape[1:] != images.shape[1:]:
            raise ValueError(f"t10k-images-idx3-ubyte in {folder} has images of another size")
        images = torch.cat([images, more])
        if labelled:
            labels = torch.cat([labels, read_labels(folder, "t10k", len(more))])
    if (height, width) != (28, 28):
        images = resize_images(images, height, width, resize)
    elif images.shape[2:] != (28, 28):
        size = " x ".join(map(str, images.shape[2:]))
        raise ValueError(f"{prefix}-images-idx3-ubyte has images of {size}, not 28 x 28")
    if channels == 3:
        images = images.repeat(1, 3, 1, 1)
    return images, labels if labelled else None


class IdxDataset(Dataset):
    """Images, 28 x 28, and labels of ten classes in a pair of IDX files for each split."""

    load: ClassVar = staticmethod(load_images)
    size: ClassVar = (28, 28)
    channels: ClassVar = 1

    # the first ten labels of each split, by which `holds` tells apart files with the same names
    first_labels: ClassVar[dict[str, bytes]] = {}

    split: Literal["train", "test", "all"] = "train"

    def label_kind(self) -> tuple[str, int]:
        return "classes", 10

    def sources(self, folder: Path) -> list[Path]:
        return [path for name in FILES["all"] if (path := find_idx(folder, name))]

    def wanted(self) -> str:
        return f"{' and '.join(FILES[self.split])} (plain or .gz), not another data set's"

    def holds(self, folder: Path) -> bool:
        has_files = all(find_idx(folder, name) for name in FILES[self.split])
        return has_files and not self._is_other(folder)

    def _is_other(self, folder: Path) -> bool:
        """Return True if the first labels in `folder` are those of another IDX data set."""
        split = "test" if self.split == "test" else "train"
        path = find_idx(folder, FILES[split][1])
        assert path is not None  # `holds` has found it
        try:
            with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
                first = file.read(18)[8:]
        except (OSError, EOFError, zlib.error):
            return False  # `load` reports what is wrong with the file
        others = (kind for kind in IdxDataset.__subclasses__() if not isinstance(self, kind))
        return any(kind.first_labels.get(split) == first for kind in others)
