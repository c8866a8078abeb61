"""Batches of real images for training: in memory on the device, or streamed by worker processes."""

from __future__ import annotations

import torch
from torch.utils.data import DataLoader

from ganspec.runs.checkpoint import CheckpointError
from ganspec.systems.batches import count_batches, pick_images

WORKERS = 2


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


class Feed:
    """The batches of `draw_batches`, whose place in the data can be saved and gone back to."""

    def __init__(self, images, labels, seed, cfg):
        self.images, self.labels, self.cfg = images, labels, cfg
        self.random = torch.Generator().manual_seed(seed)
        self.order = torch.empty(0, dtype=torch.int64)
        self.position = len(self)
        if len(self) == 0:
            raise ValueError(f"{len(images)} images do not fill a batch of {cfg.batch}")
        if isinstance(images, StreamedImages):
            images.plan = self.coming

    def __len__(self) -> int:
        return count_batches(self.images, self.cfg)

    def __next__(self) -> tuple[torch.Tensor, torch.Tensor | None]:
        if self.position == len(self):
            order = torch.randperm(len(self.images), generator=self.random)
            self.order, self.position = order.to(self.images.device), 0
        chosen = self.order[self.position * self.cfg.batch :][: self.cfg.batch]
        self.position += 1
        labels = self.labels[chosen] if self.cfg.labels else None
        return pick_images(self.images, chosen, self.cfg), labels

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


def at(images, chosen: torch.Tensor) -> torch.Tensor:
    """Return the images of some indices, in memory or streamed."""
    if isinstance(images, StreamedImages):
        return torch.stack([images.files[i] for i in chosen.tolist()]).to(images.device)
    return images[chosen.to(images.device)]
