"""Real images, opened for training: in memory on the device, or streamed by worker processes."""

from __future__ import annotations

import math
import os
import warnings
from itertools import pairwise
from pathlib import Path

import torch

from ganspec.kinds.dataset import Dataset, free_memory
from ganspec.kinds.datasets.image_files import (
    ImageFiles,
    Listing,
    name_skipped,
    open_files,
    open_listed,
)
from ganspec.kinds.datasets.image_folder import ImageFolder
from ganspec.kinds.datasets.objects import check_conditions, read_conditions
from ganspec.language.errors import printable
from ganspec.systems.batches import spaced
from ganspec.systems.data import Data
from ganspec.systems.feed import StreamedImages
from ganspec.systems.ranks import Ranks
from ganspec.systems.spec import Spec
from ganspec.systems.training import Images

MEMORY_SHARE = 0.5  # images that would take a larger share of free memory are streamed
DARK = 64  # of 255; if no pixel is brighter, a warning is shown
SHOWN = 64  # if images are streamed, only so many are searched for a brighter pixel


def open_images(
    data: Data, folder: Path | None, device: torch.device, streamed: bool | None = None
) -> tuple[torch.Tensor | StreamedImages, torch.Tensor]:
    """Return the real images, ready for `Feed`, and their labels.

    `folder` contains the images; None searches the usual places. Images of an `image_folder` are
    read by worker processes if `streamed` is True, and held in memory if it is False; if it is
    None, they are streamed if they would take more than MEMORY_SHARE of the free memory. Other data
    sets are always read into memory. Raises DataError.
    """
    return _open(data, folder, device, streamed)[:2]


def _open(
    data: Data,
    folder: Path | None,
    device: torch.device,
    streamed: bool | None = None,
    listing: Listing | None = None,
) -> tuple[torch.Tensor | StreamedImages, torch.Tensor, ImageFiles | None]:
    """Return images and labels as `open_images` does, and the files of an `image_folder`, or None.

    A `listing` names the images to use; other images of the folder are left out.
    """
    folder = data.dataset.locate(folder)
    with data.dataset.reading(folder):
        if not isinstance(data.dataset, ImageFolder):
            images, labels = data.read(data.dataset.reader(data.resize), folder)
            warn_if_dark(images, data.dataset)
            return images.to(device), labels, None
        size = (*data.read_size, data.shape[0])
        present = data.dataset.files(folder, *size, data.resize, data.transpose)
        if streamed is None:
            # each process of a training on this machine has its own copy
            copies = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
            needed = copies * len(present) * math.prod(data.shape)
            streamed = needed > MEMORY_SHARE * free_memory()
        if listing:
            files, pixels = open_listed(present, listing, in_memory=not streamed)
        else:
            files, pixels = open_files(present, in_memory=not streamed)
    warn_of_files(present, files, listing)
    if pixels is None:
        streams = StreamedImages(files, device)
        warn_if_dark(streams.at(spaced(len(files), min(SHOWN, len(files)))), data.dataset)
        return streams, files.labels, files
    warn_if_dark(pixels, data.dataset)
    return pixels.to(device), files.labels, files


def warn_if_dark(images: torch.Tensor, dataset: Dataset) -> None:
    """Warn if no pixel, 0 to 255, is above DARK, as happens if 12 bits are read as 16."""
    top = int(images.max())
    if top > DARK:
        return
    seen = f"of the {len(images):,} looked at, no value is above {top} of 255"
    message = f"{dataset.kind}: the images are nearly black ({seen})"
    if isinstance(dataset, ImageFolder) and top:
        # a file of 16 bits holds about 257 * top; white is the least 2**n - 1 that is not below
        white = 2 ** int(257 * (top - 0.5)).bit_length() - 1
        message += f"; if white is {white} in their files, write `image_folder: {{white: {white}}}`"
    warnings.warn(message, stacklevel=4)


def warn_of_files(present: ImageFiles, files: ImageFiles, listing: Listing | None = None) -> None:
    """Warn of files that are skipped, and of files and labels that are new since the run began.

    `present` are all image files of the folder, `files` those that are used. `listing` has the
    files and labels that a resumed run began with; it is None for a new run.
    """
    if skipped := files.skipped:
        message = f"skipped {len(skipped)} of {len(present)} images as unreadable"
        if listing:  # they may also have changed
            message = f"the next image replaces {len(skipped)} of the run's {len(files)} images"
        warnings.warn(f"{message}: {name_skipped(skipped)}", stacklevel=4)
    if not listing:
        return
    if relabelled(present, listing):
        message = f"labels of images in {present.folder} have changed since the run began"
        advice = "it keeps the old ones; begin another run to use the new"
        warnings.warn(f"{message}: {advice}", stacklevel=4)
    known = {*listing.names, *listing.skipped}
    if new := sorted({present.name(i) for i in range(len(present))} - known):
        message = f"new images in {present.folder} are not part of the run: {printable(new[0])}"
        more = f" and {len(new) - 1} more" if len(new) > 1 else ""
        warnings.warn(message + more, stacklevel=4)


def relabelled(present: ImageFiles, listing: Listing) -> bool:
    """Return True if a file in both `present` and `listing` has another label now.

    New numbers of classes in their old order are no change, since a class that is added or removed
    renumbers those after it.
    """
    before = dict(zip(listing.names, listing.labels, strict=True))
    now = present.labels.tolist()
    names = [present.name(i) for i in range(len(present))]
    pairs = [(before[name], each) for name, each in zip(names, now, strict=True) if name in before]
    if present.labels.ndim > 1 or isinstance(listing.labels[0], list):
        return any(old != new for old, new in pairs)
    ordered = sorted(set(pairs))
    # each old class has to be one new class, and their order the same
    return any(a == c or b >= d for (a, b), (c, d) in pairwise(ordered))


def open_test_images(
    data: Data, folder: Path | None, device: torch.device
) -> tuple[torch.Tensor, torch.Tensor] | None:
    """Return the held-out images and their labels; None if no image is held out.

    Raises DataError.
    """
    if (load := data.dataset.test_reader(data.resize)) is None:
        return None
    folder = data.dataset.locate(folder)
    with data.dataset.reading(folder):
        images, labels = data.read(load, folder)
    return images.to(device), labels


def open_shown_images(
    data: Data, folder: Path | None, device: torch.device
) -> tuple[torch.Tensor | StreamedImages, torch.Tensor]:
    """Return the held-out images and their labels, or the training's if no image is held out.

    Raises DataError.
    """
    return open_test_images(data, folder, device) or open_images(data, folder, device)


def class_names(data: Data, folder: Path | None) -> list[str]:
    """Return the class names in the order of their labels; [] if the classes have no names.

    Raises DataError.
    """
    folder = data.dataset.locate(folder)
    with data.dataset.reading(folder):
        return data.dataset.classes(folder)


def open_all(
    spec: Spec,
    folder: Path | None,
    device: torch.device,
    listing: Listing | None = None,
    streamed: bool | None = None,
) -> Images:
    """Return the images for training. Raises DataError.

    `listing` names the images that a resumed run began with; None uses all. `streamed` is as for
    `open_images`.
    """
    images, labels, files = _open(spec.data, folder, device, streamed, listing)
    test = open_test_images(spec.data, folder, device) if spec.reads_test else None
    names = class_names(spec.data, folder) if spec.labelled else []
    return Images(images, labels, test, tuple(names), open_conditions(spec, folder), files)


def open_together(
    spec: Spec, folder: Path | None, device: torch.device, listing: Listing | None, ranks: Ranks
) -> Images:
    """Return the images for training, on every rank. The first rank opens them before the others.

    So the others find the caches that the first rank has made, and stream the images if and only
    if it does. `listing` names the images that a resumed run began with; None uses all.
    """
    images: Images | None = None
    streamed: bool | None = None
    for is_turn in (ranks.is_first, not ranks.is_first)[: ranks.count]:
        with ranks.agreed():
            if is_turn:
                images = open_all(spec, folder, device, listing, streamed)
        mine = images is not None and isinstance(images.images, StreamedImages)
        streamed = ranks.from_first(mine)
    assert images is not None
    return images


def open_conditions(spec: Spec, folder: Path | None) -> torch.Tensor | None:
    """Return the labels to draw the run's pictures for, float N x classes.

    Return None if the spec names no file of them. The file is in the data set's folder, or beside
    its label files. Raises DataError.
    """
    if (name := spec.train.condition_file) is None:
        return None
    dataset = spec.data.dataset
    folder = dataset.locate(folder)
    with dataset.reading(folder):
        path = folder / dataset.beside_labels(name)
        check_conditions(path)
        return read_conditions(path)
