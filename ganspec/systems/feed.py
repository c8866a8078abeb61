"""Batches of real images for training: in memory on the device, or streamed by worker processes."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from types import SimpleNamespace

import torch

from ganspec.kinds.dataset import DataError
from ganspec.kinds.datasets.image_files import NAMED, Batch, ImageFiles, Skipped, name_skipped
from ganspec.language.errors import printable
from ganspec.systems import checkpoint
from ganspec.systems.batches import count_batches, pick_images
from ganspec.systems.checkpoint import CheckpointError, State
from ganspec.systems.ranks import Ranks
from ganspec.systems.workers import Plan, read_in_workers


class StreamedImages:
    """Image files that worker processes read when a training needs them, in the order of a plan.

    An image whose file cannot be read is skipped, and another image is read in its place. `used`
    are the indices of the images in the latest batch, those of replacements included. `known` are
    the names of the files skipped so far. `notice` is called with newly skipped files.
    """

    def __init__(self, files: ImageFiles, device: torch.device):
        self.files, self.device = files, device
        self.iterator: Iterator[Batch] | None = None
        self.left = 0  # batches that the iterator has not returned yet
        self.plan: Callable[[], Plan] = list  # returns the indices of the batches to come
        self.used = torch.empty(0, dtype=torch.int64)
        self.known = {each.file for each in files.skipped}
        self.notice: Callable[[list[Skipped]], object] = len  # `len` has no effect
        self.ranks = Ranks()  # the processes that each read a part of every batch

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: torch.Tensor) -> torch.Tensor:
        """Return the images of the next batch of the plan, whose indices must be `index`.

        They are uint8 N x C x H x W, on the device. Raises DataError if no image can be read.
        """
        if self.iterator is None:
            plan = [self._own(chunk) for chunk in self.plan()]
            pin = self.device.type == "cuda"
            self.iterator, self.left = read_in_workers(self.files, plan, pin), len(plan)
        batch = next(self.iterator)
        self.left -= 1
        if self.left == 0:
            self.iterator = None
        if self.ranks.count > 1 and batch.images is not None:
            batch = self._of_all(batch, index)
        self.used = batch.indices
        return self._noted(batch).to(self.device, non_blocking=True)

    def _own(self, chunk: list[int]) -> list[int]:
        """Return the part of a batch's indices that this process reads: its slice as a rank.

        A batch with fewer images than ranks is read by every rank as a whole.
        """
        ranks = self.ranks
        return chunk[ranks.slice(len(chunk))] if len(chunk) >= ranks.count else chunk

    def _of_all(self, batch: Batch, index: torch.Tensor) -> Batch:
        """Return the whole batch, of which `batch` is the part that this process has read.

        `index` are the indices that the whole batch has if no file is skipped.
        """
        size = len(index)
        if size < self.ranks.count:
            return batch
        assert batch.images is not None
        images = self.ranks.whole(batch.images.to(self.device, non_blocking=True), size)
        used, skipped = self.ranks.whole(batch.indices, size), batch.skipped
        if not torch.equal(used, index.cpu()):
            skipped = [each for part in self.ranks.of_all(skipped) for each in part]
        return Batch(images, used, skipped)

    def close(self) -> None:
        """End the worker processes. The next batch, if any, starts new ones."""
        self.iterator = None

    def at(self, index: torch.Tensor) -> torch.Tensor:
        """Read the images at the indices `index` in this process. Return them on the device."""
        return self._noted(self.files.__getitems__(index.tolist())).to(self.device)

    def in_order(self, size: int) -> Iterator[torch.Tensor]:
        """Yield all images in the order of their files, `size` at a time, in main memory."""
        plan = [chunk.tolist() for chunk in torch.arange(len(self)).split(size)]
        return map(self._noted, read_in_workers(self.files, plan))

    def _noted(self, batch: Batch) -> torch.Tensor:
        """Return the images of a batch. Warn of files that are skipped for the first time.

        Raises DataError if no image can be read.
        """
        if batch.images is None:
            names = name_skipped(batch.skipped, 3)
            message = f"no image in {self.files.folder} can be read any more"
            raise DataError(f"{message}: {names}: make the files readable again")
        if new := [each for each in batch.skipped if each.file not in self.known]:
            for each in new[: max(0, NAMED - len(self.known))]:
                file, instead = printable(each.file), printable(str(each.instead))
                message = f"skipped {file}: {each.reason}; {instead} is read in its place"
                warnings.warn(message, stacklevel=5)
            self.known.update(each.file for each in new)
            if len(self.known) > NAMED:
                message = f"over {NAMED} images cannot be read any more: further ones are not named"
                warnings.warn(message, stacklevel=5)
            self.notice(new)
        return batch.images


class Feed:
    """Batches of real images without end, in a new random order for each pass over the images.

    The batches equal those of `draw_batches`, but the position can be saved and restored. `labels`
    are read only if `cfg.labels` is set. Raises DataError if the images do not fill a batch.
    """

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
            message = f"{len(images)} images do not fill a batch of {cfg.batch}"
            raise DataError(f"{message}: set a smaller `train: {{batch: ...}}`")
        if isinstance(images, StreamedImages):
            images.plan = self.coming

    def __len__(self) -> int:
        return count_batches(self.images, self.cfg)

    def __next__(self) -> tuple[torch.Tensor, torch.Tensor | None]:
        images, labels = self.draw()
        return pick_images(images, ..., self.cfg), labels

    def draw(self) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Return the next batch, uint8 images and their labels, before flips and scaling.

        The labels are None if training reads none.
        """
        if self.position == len(self):
            order = torch.randperm(len(self.images), generator=self.random)
            self.order, self.position = order.to(self.images.device, non_blocking=True), 0
        chosen = self.order[self.position * self.cfg.batch :][: self.cfg.batch]
        self.position += 1
        images, labels = self.images[chosen], None
        if self.labels is not None and self.cfg.labels:
            used = self.images.used if isinstance(self.images, StreamedImages) else chosen
            labels = self.labels[used.to(self.labels.device, non_blocking=True)]
        return images, labels

    def fills(self, count: int) -> bool:
        """Return True if each of the next `count` batches has `cfg.batch` images."""
        if self.cfg.last_batch == "drop" or len(self.images) % self.cfg.batch == 0:
            return True
        # batches left in this pass over the images, or in the next one if this one is over
        left = len(self) - self.position or len(self)
        return count < left

    def coming(self) -> Plan:
        """Return the image indices of the batch drawn last, and of later batches of this pass."""
        size = self.cfg.batch
        rest = self.order[(self.position - 1) * size : len(self) * size]
        return [chunk.tolist() for chunk in rest.split(size)]

    def state(self) -> State:
        """Return the order of images in this pass, and the number of batches drawn from it.

        The state also has that of the random generator, and the number of images.
        """
        return {
            "order": self.order.cpu(),
            "position": self.position,
            "random": self.random.get_state(),
            "count": len(self.images),
        }

    def check(self, state: State) -> None:
        """Raise one of `checkpoint.ERRORS` if `state` cannot be a state of this feed.

        Raises CheckpointError if the number of images has changed.
        """
        order = checkpoint.as_map(state, "batches")["order"]
        checkpoint.check(state, {**self.state(), "order": order}, "batches")
        count = len(self.images)
        if state["count"] != count:
            message = f"the run began with {state['count']} images, here are {count}"
            raise CheckpointError(f"{message}: resume it with the images that it began with")
        if not 0 <= state["position"] <= len(self):
            raise ValueError(f"batches.position is {state['position']}, with {len(self)} batches")
        drawn = torch.arange(count if state["position"] < len(self) else len(order))
        if (
            not torch.is_tensor(order)
            or order.dtype != torch.int64
            or not torch.equal(order.sort().values, drawn)
        ):
            raise ValueError(f"batches.order does not have each of {count} images once")
        torch.Generator().set_state(state["random"].cpu())

    def restore(self, state: State) -> None:
        """Go back to `state`, which `check` must have accepted."""
        if isinstance(self.images, StreamedImages):
            self.images.close()  # the workers have read on from the position before
        self.order = state["order"].to(self.images.device)
        self.position = state["position"]
        self.random.set_state(state["random"].cpu())


def at(images: torch.Tensor | StreamedImages, chosen: torch.Tensor) -> torch.Tensor:
    """Return the images at the indices `chosen`, uint8, on the device of `images`."""
    if isinstance(images, StreamedImages):
        return images.at(chosen)
    return images[chosen.to(images.device)]
