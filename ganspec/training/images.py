"""Real images for training: in memory on the device, or streamed by worker processes."""

from __future__ import annotations

import warnings
from pathlib import Path

import torch
from torch.utils.data import DataLoader

from ganspec.language.system import Data
from ganspec.training.batches import Batches
from ganspec.training.checkpoint import CheckpointError

WORKERS = 2
# Share of the memory now free that decoded images may take before they are streamed.
MEMORY_SHARE = 0.5


class StreamedImages:
    """Image files read on demand, in the order that `plan()` foretells, by worker processes."""

    def __init__(self, files, device: torch.device):
        self.files, self.device = files, device
        self.iterator, self.left = None, 0
        self.plan = None  # gives the coming batches' indices, this one first

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: torch.Tensor) -> torch.Tensor:
        if self.iterator is None:
            chunks = self.plan()
            loader = DataLoader(
                self.files,
                batch_sampler=chunks,
                num_workers=WORKERS,
                pin_memory=self.device.type == "cuda",
                # its own generator: the default one is training's, and must not be drawn from
                generator=torch.Generator(),
            )
            self.iterator, self.left = iter(loader), len(chunks)
        batch = next(self.iterator)
        self.left -= 1
        if self.left == 0:
            self.iterator = None
        return batch.to(self.device, non_blocking=True)


class Feed(Batches):
    """Batches whose place in the data can be saved and gone back to."""

    def __init__(self, images, labels, seed, cfg):
        super().__init__(images, labels, seed, cfg)
        self.order = torch.empty(0, dtype=torch.int64)
        if isinstance(images, StreamedImages):
            images.plan = self.coming

    def coming(self) -> list[list[int]]:
        """Indices of every batch from the one being read to the epoch's end."""
        size = self.cfg.batch
        whole = self.order[(self.position - 1) * size : len(self) * size]
        return [chunk.tolist() for chunk in whole.split(size)]

    def state(self) -> dict[str, object]:
        """The order of this epoch, the place in it, and what the next orders are drawn from."""
        order, random = self.order.cpu(), self.random.get_state()
        state = {"order": order, "position": self.position, "random": random}
        return {**state, "count": len(self.images)}

    def restore(self, state: dict[str, object]) -> None:
        """Go on from `state`; raises CheckpointError where the images are not as many."""
        if state["count"] != len(self.images):
            now = len(self.images)
            raise CheckpointError(f"the run began with {state['count']} images, here are {now}")
        self.order = state["order"].to(self.images.device)
        self.position = state["position"]
        self.random.set_state(state["random"].cpu())


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
