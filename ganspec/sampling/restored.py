"""Let a run's autoencoder restore real images, for `ganspec sample`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch

from ganspec.runs.run import Run
from ganspec.sampling.pictures import Pictures
from ganspec.sampling.request import SampleError
from ganspec.sampling.sampler import load_weights, trained_network
from ganspec.systems.feed import StreamedImages, at
from ganspec.systems.restorer import Restorer
from ganspec.systems.source import Part, filled, first, own_batch, quantize, regrouped, whole
from ganspec.training.images import open_shown_images


@dataclass(frozen=True)
class Restoration(Restorer):
    """A trained network that restores images, with real images to restore.

    `order` is a random permutation of all images' indices, drawn from `seed`; images are restored
    in this order. The first images and their noise do not depend on how many are restored.
    """

    seed: int
    images: torch.Tensor | StreamedImages
    labels: torch.Tensor | None
    order: torch.Tensor

    def images_only(self, count: int) -> Pictures:
        """Return `count` restored images, with the labels of their originals."""
        batches = ((outputs, self._labels(chosen)) for chosen, _, outputs in self._portions(count))
        return Pictures(batches, count, self.spec.data.shape, self.cfg.columns)

    def rows(self, count: int) -> Pictures:
        """Return the images of a grid that shows `count` restored images, each below its input.

        With noise on the inputs, the originals are below the restored images.
        """
        columns = min(self.cfg.columns, count)
        groups = -(-count // columns) * (3 if self.cfg.noise else 2)
        return Pictures(self._rows(count), groups * columns, self.spec.data.shape, columns)

    def _rows(self, count: int) -> Iterator[tuple[torch.Tensor, None]]:
        """Yield two or three rows of the grid at a time; the last rows are filled up with white."""
        for chosen, inputs, outputs in self._portions(count):
            parts = [inputs, outputs]
            if self.cfg.noise:
                parts.append(at(self.images, chosen).cpu())
            lacking = min(self.cfg.columns, count) - len(chosen)
            white = [part.new_full((lacking, *part.shape[1:]), 255) for part in parts]
            pairs = zip(parts, white, strict=True)
            yield torch.cat([tensor for pair in pairs for tensor in pair]), None

    def _portions(self, count: int) -> Iterator[Part]:
        """Yield indices, inputs and outputs of images, as many at a time as a grid has columns.

        Inputs and outputs of the network are uint8 N x C x H x W. There are `count` in all.
        """
        return first(regrouped(self._batches(count), self.cfg.columns), count)

    def _batches(self, count: int) -> Iterator[Part]:
        """Yield indices, inputs and outputs of at least `count` images, for one batch at a time.

        A network that normalizes by the batch gets whole batches of training's size, because zeros
        that fill up a batch would change its statistics. After the last image, the first images
        come again.
        """
        own = own_batch(self.network, self.cfg)
        size = own or self.cfg.columns
        parts = self.order[torch.arange(whole(count, own)) % len(self.order)].split(size)
        batches = (filled(at(self.images, part), size) for part in parts)
        for part, pair in zip(parts, self.pairs(batches, self.seed), strict=True):
            inputs, outputs = (quantize(images[: len(part)], self.cfg).cpu() for images in pair)
            yield part, inputs, outputs

    def _labels(self, chosen: torch.Tensor) -> torch.Tensor | None:
        return None if self.labels is None else self.labels[chosen].cpu()


def open_restoration(
    run: Run, key: str, step: int | None, data: Path | None, seed: int, device: torch.device
) -> Restoration:
    """Return a run's network `key`, with images to restore.

    The images are the test images or, if there are none, training images. `step` selects the
    weights kept after that step; None selects the checkpoint's. `data` is the folder of the data
    set; if None, the usual folders are searched. Raises RunError if no weights of that step were
    kept, CheckpointError if weights cannot be read, and DataError if images cannot be read.
    """
    spec = run.spec
    network, cfg = trained_network(run, key, load_weights(run, step), device)
    images, labels = open_shown_images(spec.data, data, device)
    order = torch.randperm(len(images), generator=torch.Generator().manual_seed(seed))
    return Restoration(spec, network, cfg, device, seed, images, labels, order)


def check_count(count: int, restoration: Restoration) -> None:
    """Raise SampleError if there are fewer than `count` images to restore."""
    if count > (there := len(restoration.order)):
        raise SampleError(f"there are {there:,} images to restore, not {count:,}: give -n {there}")
