"""Real images, opened for training: in memory on the device, or streamed by worker processes."""

from __future__ import annotations

import warnings
from pathlib import Path

import torch

from ganspec.kinds.dataset import free_memory
from ganspec.kinds.datasets.image_folder import ImageFolder
from ganspec.kinds.datasets.objects import check_conditions, read_conditions
from ganspec.systems.feed import StreamedImages
from ganspec.systems.spec import Data, Spec
from ganspec.systems.training import Images

# Images that would take more than this share of free memory are streamed.
MEMORY_SHARE = 0.5


def open_images(
    data: Data, folder: Path | None, device: torch.device, streamed: bool | None = None
) -> tuple[torch.Tensor | StreamedImages, torch.Tensor | None]:
    """Return the real images, ready for `Feed`, and their labels. Raises DataError.

    `folder` contains the images; None searches the usual places. `streamed` is True for worker
    processes, False for memory; None is memory if the images fit. Only folders of images are
    streamed, other data sets are always read into memory.
    """
    dataset, (channels, height, width) = data.dataset, data.shape
    folder = dataset.locate(folder)
    with dataset.reading(folder):
        if isinstance(dataset, ImageFolder):
            with warnings.catch_warnings(record=True) as skipped:
                warnings.simplefilter("always")
                files = dataset.files(
                    folder, *data.read_size, channels, data.resize, data.transpose
                )
            size = len(files) * channels * height * width
            if streamed or (streamed is None and size > MEMORY_SHARE * free_memory()):
                for warning in skipped:  # of unreadable images; the reader below warns itself
                    warnings.warn_explicit(
                        warning.message, warning.category, warning.filename, warning.lineno
                    )
                return StreamedImages(files, device), files.labels
        images, labels = data.read(dataset.reader(data.resize), folder)
    return images.to(device), labels


def open_test_images(
    data: Data, folder: Path | None, device: torch.device
) -> tuple[torch.Tensor, torch.Tensor | None] | None:
    """Return the held-out images and their labels; None if there are none. Raises DataError."""
    if (load := data.dataset.test_reader(data.resize)) is None:
        return None
    folder = data.dataset.locate(folder)
    with data.dataset.reading(folder):
        images, labels = data.read(load, folder)
    return images.to(device), labels


def open_shown_images(
    data: Data, folder: Path | None, device: torch.device
) -> tuple[torch.Tensor | StreamedImages, torch.Tensor | None]:
    """Return the held-out images and their labels, or else the training ones. Raises DataError."""
    return open_test_images(data, folder, device) or open_images(data, folder, device)


def class_names(data: Data, folder: Path | None) -> list[str]:
    """Return the names of the classes, in the order of their labels; [] if there are none."""
    folder = data.dataset.locate(folder)
    with data.dataset.reading(folder):
        return data.dataset.classes(folder)


def open_all(spec: Spec, folder: Path | None, device: torch.device) -> Images:
    """Return the images, labels, test images and class names for training. Raises DataError."""
    images, labels = open_images(spec.data, folder, device)
    test = open_test_images(spec.data, folder, device) if spec.reads_test else None
    names = class_names(spec.data, folder) if spec.labelled else ()
    return Images(images, labels, test, tuple(names), open_conditions(spec, folder))


def open_conditions(spec: Spec, folder: Path | None) -> torch.Tensor | None:
    """Return the labels of the images in pictures; None if the spec names no file of labels.

    The file is in the data set's folder, or beside its file of labels. Raises DataError.
    """
    if (name := spec.train.condition_file) is None:
        return None
    dataset = spec.data.dataset
    place = dataset.locate(folder) if dataset.needs_folder else Path()
    with dataset.reading(place):
        path = place / dataset.beside_labels(name)
        check_conditions(path)
        return read_conditions(path)
