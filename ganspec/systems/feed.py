"""Batches of real images for training: in memory on the device, or streamed by worker processes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import SimpleNamespace

import torch
from torch.utils.data import DataLoader

from ganspec.kinds.datasets.image_folder import ImageFiles
from ganspec.systems import checkpoint
from ganspec.systems.batches import count_batches, pick_images
from ganspec.systems.checkpoint import CheckpointError, State

WORKERS = 2

Plan = list[list[int]]  # indices of images, one list per batch


class StreamedImages:
    """Image files that worker processes read on demand, in the order of a plan."""

    def __init__(self, files: ImageFiles, device: torch.device):
        self.files, self.device = files, device
        self.iterator: Iterator[torch.Tensor] | None = None
        self.left = 0  # batches that the iterator has not returned yet
        # returns the plan from the next batch on
        self.plan: Callable[[], Plan] = list

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: torch.Tensor) -> torch.Tensor:
        """Return the images at `index`, which must be the next batch of the plan."""
        if self.iterator is None:
            plan = self.plan()
            loader = DataLoader(
                self.files,
                batch_sampler=plan,
                num_workers=WORKERS,
                pin_memory=self.device.type == "cuda",
                # without one, the loader would draw from torch's generator and change training
                generator=torch.Generator(),
            )
            self.iterator, self.left = iter(loader), len(plan)
        batch = next(self.iterator)
        self.left -= 1
        if self.left == 0:
            self.iterator = None
        return batch.to(self.device, non_blocking=True)


class Feed:
    """The batches of `draw_batches`, with a position that can be saved and restored."""

    def __init__(
        self,
        images: torch.Tensor | StreamedImages,
        labels: torch.Tensor | None,
        seed: int,
        cfg: SimpleNamespace,
    ):
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
        labels = self.labels[chosen] if self.labels is not None and self.cfg.labels else None
        return pick_images(self.images, chosen, self.cfg), labels

    def coming(self) -> Plan:
        """Return the indices of the current batch and of all later ones in this epoch."""
        size = self.cfg.batch
        rest = self.order[(self.position - 1) * size : len(self) * size]
        return [chunk.tolist() for chunk in rest.split(size)]

    def state(self) -> State:
        """Return the epoch's order of images, the position in it, and the generator's state."""
        return {
            "order": self.order.cpu(),
            "position": self.position,
            "random": self.random.get_state(),
            "count": len(self.images),
        }

    def check(self, state: State) -> None:
        """Raise ValueError or KeyError if `state` is not one of such a feed.

        Raises CheckpointError if the number of images has changed.
        """
        order = checkpoint.as_map(state, "batches")["order"]
        checkpoint.check(state, {**self.state(), "order": order}, "batches")
        count = len(self.images)
        if state["count"] != count:
            message = f"the run began with {state['count']} images, here are {count}"
            raise CheckpointError(message)
        if not 0 <= state["position"] <= len(self):
            raise ValueError(f"batches.position is {state['position']}, with {len(self)} batches")
        drawn = torch.arange(count if state["position"] < len(self) else len(order))
        if (
            not torch.is_tensor(order)
            or order.dtype != torch.int64
            or not torch.equal(order.sort().values, drawn)
        ):
            raise ValueError(f"batches.order is no order of {count} images")
        torch.Generator().set_state(state["random"].cpu())

    def restore(self, state: State) -> None:
        """Restore `state`, which `check` accepts."""
        self.order = state["order"].to(self.images.device)
        self.position = state["position"]
        self.random.set_state(state["random"].cpu())


def at(images: torch.Tensor | StreamedImages, chosen: torch.Tensor) -> torch.Tensor:
    """Return the images at the indices `chosen`, on the device of `images`."""
    if isinstance(images, StreamedImages):
        return torch.stack([images.files[i] for i in chosen.tolist()]).to(images.device)
    return images[chosen.to(images.device)]
