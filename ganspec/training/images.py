"""Real images, opened for training: in memory on the device, or streamed by worker processes."""

from __future__ import annotations

import warnings
from pathlib import Path

import torch

from ganspec.systems.feed import StreamedImages
from ganspec.systems.spec import Data, Spec
from ganspec.systems.training import Images

# Share of the memory now free that decoded images may take before they are streamed.
MEMORY_SHARE = 0.5


def open_images(data: Data, given: Path | None, device: torch.device, streamed: bool | None = None):
    """The spec's real images and their labels, ready for `Feed`; raises DataError.

    `streamed` decides between memory and worker processes; None takes memory where it suffices.
    """
    dataset, (channels, height, width) = data.dataset, data.shape
    folder = dataset.locate(given)
    with dataset.reading(folder):
        if not dataset.in_memory:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # `load` says the same again
                files = dataset.files(folder, height, width, channels, data.resize)
            size = len(files) * channels * height * width
            if streamed or (streamed is None and size > MEMORY_SHARE * free_memory()):
                return StreamedImages(files, device), files.labels
        images, labels = dataset.reader(data.resize)(folder, height, width, channels)
    return images.to(device), labels


def open_test_images(data: Data, given: Path | None, device: torch.device):
    """Images and labels of the held-out split, None where there is none; raises DataError."""
    if (load := data.dataset.test_reader(data.resize)) is None:
        return None
    channels, height, width = data.shape
    folder = data.dataset.locate(given)
    with data.dataset.reading(folder):
        images, labels = load(folder, height, width, channels)
    return images.to(device), labels


def class_names(data: Data, given: Path | None) -> list[str]:
    """Names of the classes, in the order of their labels; none where nothing gives any."""
    folder = data.dataset.locate(given)
    with data.dataset.reading(folder):
        return data.dataset.classes(folder)


def free_memory() -> float:
    """Bytes of main memory that programs can still have; infinite where no one says."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
    except OSError:
        return float("inf")
    found = (line.split() for line in lines if line.startswith("MemAvailable:"))
    return next((1024.0 * int(parts[1]) for parts in found), float("inf"))


def open_all(spec: Spec, given: Path | None, device: torch.device) -> Images:
    """Return all that the spec's training reads of its data set; raises DataError."""
    images, labels = open_images(spec.data, given, device)
    test = open_test_images(spec.data, given, device) if spec.reads_test else None
    names = class_names(spec.data, given) if spec.labelled else ()
    return Images(images, labels, test, tuple(names))
