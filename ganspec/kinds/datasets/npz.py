"""Images in a file of numpy arrays."""

from __future__ import annotations

import warnings
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch
from pydantic import Field

from ganspec.kinds.dataset import Dataset, free_memory
from ganspec.kinds.datasets.images import fit_images
from ganspec.language.types import PathText


def find_npz(place):
    """Return `place` unless it is a folder; else return the only .npz file in it.

    Raise ValueError if the folder holds none or several.
    """
    place = Path(place)
    if not place.is_dir():
        return place
    files = sorted(place.glob("*.npz"))
    if len(files) != 1:
        names = ", ".join(path.name for path in files[:3]) + (", ..." if len(files) > 3 else "")
        many = f"{len(files)} .npz files ({names}): name one"
        raise ValueError(f"{place} holds {many if files else 'no .npz file'}")
    return files[0]


def read_arrays(path):
    """Return the arrays `images`, `labels` and `multi_hot` of a .npz file, by name.

    None stands for missing labels. Warn of other arrays. Raise ValueError if `images`
    is missing, if the file has both kinds of labels, or if it is damaged.
    """
    if not zipfile.is_zipfile(path):
        raise ValueError(f"{path} is not a .npz file")
    try:
        with np.load(path, allow_pickle=False) as arrays:
            if "images" not in arrays:
                raise ValueError(f"no array `images`, only {', '.join(arrays) or 'nothing'}")
            if "labels" in arrays and "multi_hot" in arrays:
                raise ValueError("`labels` and `multi_hot` cannot both be there: drop one")
            found = {name: arrays.get(name) for name in ("images", "labels", "multi_hot")}
            for name, array in found.items():
                if isinstance(array, bytes):  # numpy returns bytes for a file that is no .npy
                    raise ValueError(f"`{name}` is not an array: use numpy.savez")
            others = [name for name in arrays if name not in found]
    except Exception as error:  # a damaged file can raise any exception
        raise ValueError(f"{path} cannot be read: {error}") from error
    if others:
        shown = ", ".join(others[:3]) + (", ..." if len(others) > 3 else "")
        known = "`images`, `labels` or `multi_hot`"
        warnings.warn(f"left out of {path} what is not {known}: {shown}", stacklevel=3)
    return found


def order_images(images):
    """Return uint8 images as N x C x H x W; channels may be last, first or missing."""
    shape = " x ".join(map(str, images.shape))
    if images.dtype != np.uint8:
        raise ValueError(f"`images` is {images.dtype}, not uint8 (0 to 255)")
    if images.size == 0:
        raise ValueError(f"`images` is empty: {shape}")
    if images.ndim == 3:
        return images[:, None]
    if images.ndim == 4 and images.shape[3] in (1, 3):
        return images.transpose(0, 3, 1, 2)
    if images.ndim == 4 and images.shape[1] in (1, 3):
        return images
    raise ValueError(f"`images` is {shape}, not N x H x W x C, N x C x H x W or N x H x W")


def check_labels(labels, count):
    """Return the labels of `count` images as int64 N; zeros if `labels` is None."""
    if labels is None:
        return np.zeros(count, np.int64)
    if labels.dtype.kind not in "iu" or labels.shape not in ((count,), (count, 1)):
        shape = " x ".join(map(str, labels.shape))
        raise ValueError(f"`labels` is {labels.dtype} {shape}, not {count} whole numbers")
    labels = labels.reshape(count).astype(np.int64)
    if labels.min() < 0:
        raise ValueError(f"`labels` begins at {labels.min()}, not at 0")
    return labels


def check_marks(marks, count):
    """Return the multi-hot labels of `count` images as uint8 N x classes."""
    shape = " x ".join(map(str, marks.shape))
    if marks.dtype.kind not in "iub" or marks.ndim != 2 or len(marks) != count or not marks.size:
        raise ValueError(f"`multi_hot` is {marks.dtype} {shape}, not {count} rows of 0 and 1")
    if marks.min() < 0 or marks.max() > 1:
        raise ValueError(f"`multi_hot` holds {marks.min()} to {marks.max()}, not 0 and 1")
    return marks.astype(np.uint8)


def load_images(folder, height, width, channels, resize="antialias", labelled=True):
    """Read the images of a .npz file, uint8 N x C x H x W, and their labels.

    Labels are classes, int64 N, or multi-hot, uint8 N x classes; None if unused.
    `folder` is the file or the folder that holds it.
    """
    path = find_npz(folder)
    arrays = read_arrays(path)
    labels = None
    try:
        images = torch.from_numpy(np.ascontiguousarray(order_images(arrays["images"])))
        if labelled and arrays["multi_hot"] is None:
            labels = torch.from_numpy(check_labels(arrays["labels"], len(images)))
        elif labelled:
            labels = torch.from_numpy(check_marks(arrays["multi_hot"], len(images)))
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    return fit_images(images, height, width, channels, resize), labels


def refuse_large(path):
    """Raise ValueError if the unpacked arrays of a .npz file exceed the free memory."""
    size, free = 0, free_memory()
    with suppress(OSError, ValueError, zipfile.BadZipFile), zipfile.ZipFile(path) as file:
        size = sum(member.file_size for member in file.infolist())
    if size > free:
        gigabytes = f"{size / 2**30:.1f} GiB, and {free / 2**30:.1f} GiB of memory are free"
        raise ValueError(f"{path} unpacks to {gigabytes}")


class Npz(Dataset, kind="npz"):
    """A .npz file of numpy arrays: `images`, uint8, and perhaps `labels` or `multi_hot`.

    Images are N x H x W x C, N x C x H x W or, if grey, N x H x W. `labels` are N whole numbers
    from 0; `multi_hot` is N x classes, 1 for each class of an image.
    """

    load: ClassVar = staticmethod(load_images)
    fix: ClassVar = "name the file, or the folder that holds it"

    path: PathText | None = Field(
        None,
        description="file, or its folder, relative to the current folder; `--data` replaces it",
    )

    def sources(self, folder: Path) -> list[Path]:
        return [find_npz(folder)]

    def wanted(self) -> str:
        return "a .npz file"

    @contextmanager
    def reading(self, folder: Path) -> Iterator[None]:
        with super().reading(folder):
            refuse_large(find_npz(folder))
            yield

    def holds(self, folder: Path) -> bool:
        return folder.is_file() or any(folder.glob("*.npz"))
