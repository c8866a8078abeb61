"""Images from a generator and a seed, the same for every count and batch size.

Images of a generator that normalizes by the batch depend on each other. It always gets whole
batches of training's size: of 64, images 0 to 63 of a seed are one batch, 64 to 127 the next.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from types import SimpleNamespace

import torch

from ganspec.language.errors import GanspecError
from ganspec.program.statistics import batch_normalizers, fix_statistics
from ganspec.systems.latents import CHUNK, latents, truncate

# Images that go through a network at once, by device. The number is fixed: kernels for other batch
# sizes round differently, and one seed would not give the same bytes for every count.
PORTION = {"cpu": 32, "cuda": 256}

Part = tuple[torch.Tensor, ...]  # tensors of equally many rows: latents or images, and their labels


class SourceError(GanspecError):
    """Raised when a network's images are not finite numbers."""


class Source:
    """A generator, and the labels that it draws images for.

    `labels` are repeated if more images are drawn; None if the generator reads no labels. Latents
    are not drawn from torch's own random generators, so that a training goes on unchanged.
    """

    truncation: float | None = None  # absolute bound of latents

    def __init__(
        self,
        generator: torch.nn.Module,
        cfg: SimpleNamespace,
        device: torch.device,
        labels: torch.Tensor | None = None,
    ):
        self.generator, self.cfg, self.device, self.labels = generator, cfg, device, labels
        self.own_batch = own_batch(generator, cfg)
        self.portion = self.own_batch or PORTION.get(device.type, CHUNK)

    def inputs(self, count: int, seed: int) -> dict[str, torch.Tensor]:
        """Return the latents that `seed` draws, and the labels, on the device.

        A larger `count` begins with the same rows.
        """
        latent, *labels = next(regrouped(self.parts(count, seed), count))
        inputs = {"latent": latent.to(self.device)}
        return {**inputs, "labels": labels[0].to(self.device)} if labels else inputs

    def latents(self, seed: int) -> Iterator[torch.Tensor]:
        """Yield latents in chunks without end, truncated if there is a `truncation`."""
        for latent in latents(seed, self.cfg):
            yield latent if self.truncation is None else truncate(latent, self.truncation)

    def labels_of(self, places: torch.Tensor) -> Part:
        """Return the labels of the images with indices `places`; () if the generator reads none."""
        if self.labels is None:
            return ()
        return (self.labels[places.to(self.labels.device) % len(self.labels)],)

    def parts(self, count: int, seed: int) -> Iterator[Part]:
        """Yield latents and labels for `count` images, in parts of at most CHUNK rows."""
        chunks = zip(range(0, count, CHUNK), self.latents(seed), strict=False)
        for start, latent in chunks:
            latent = latent[: count - start]
            yield latent, *self.labels_of(torch.arange(start, start + len(latent)))

    def images(
        self, count: int, seed: int, batch: int | None = None
    ) -> Iterator[tuple[torch.Tensor, torch.Tensor | None]]:
        """Yield `count` images that `seed` draws, `batch` at a time, with their labels.

        Images are uint8 N x C x H x W, on the CPU. Image i is the same, byte for byte, for every
        `count` and `batch`. The generator draws in evaluation mode.
        """
        return self.drawn(self.parts(whole(count, self.own_batch), seed), count, batch)

    def drawn(
        self, parts: Iterable[Part], count: int, batch: int | None = None
    ) -> Iterator[tuple[torch.Tensor, torch.Tensor | None]]:
        """Yield the first `count` images that the generator makes of `parts`, and their labels."""
        portions = regrouped(parts, self.portion)
        drawn = ((self.pixels(*portion), *portion[1:]) for portion in portions)
        for images, *labels in first(regrouped(drawn, batch) if batch else drawn, count):
            yield images, labels[0].cpu() if labels else None

    def fix_statistics(self, seed: int) -> None:
        """Normalize by the first batch that `seed` draws, whichever images are drawn from now on.

        Without effect on generators that do not normalize by the batch.
        """
        if self.own_batch is None:
            return
        self.generator.eval()
        fix_statistics(self.generator, *self.inputs(self.own_batch, seed).values())
        self.own_batch, self.portion = None, PORTION.get(self.device.type, CHUNK)

    def pixels(self, *inputs: torch.Tensor) -> torch.Tensor:
        """Return the images of one portion of inputs, uint8 N x C x H x W on the CPU."""
        return quantize(self.outputs(*inputs), self.cfg).cpu()

    def outputs(self, *inputs: torch.Tensor) -> torch.Tensor:
        """Return the numbers that the generator makes of one portion of inputs, in its range."""
        count = len(inputs[0])
        portion = [filled(part, self.portion).to(self.device) for part in inputs]
        training = self.generator.training
        self.generator.eval()
        with torch.no_grad():
            images = self.generator(*portion)[:count]
        self.generator.train(training)
        return images


def own_batch(network: torch.nn.Module, cfg: SimpleNamespace) -> int | None:
    """Return the images that a network reads at once if it normalizes by the batch, else None.

    They are as many as in training.
    """
    return cfg.batch if batch_normalizers(network) else None


def whole(count: int, batch: int | None) -> int:
    """Return `count`, or the next multiple of `batch` if there is one."""
    return count if batch is None else count + -count % batch


def first(parts: Iterable[Part], count: int) -> Iterator[Part]:
    """Yield the first `count` rows."""
    for part in parts:
        yield tuple(column[:count] for column in part)
        count -= len(part[0])
        if count <= 0:
            return


def regrouped(parts: Iterable[Part], size: int) -> Iterator[Part]:
    """Yield the same rows in parts of `size` rows; the last part may be smaller."""
    held: list[Part] = []
    for part in parts:
        held.append(part)
        if sum(len(first) for first, *_ in held) > size:
            columns = (torch.cat(column).split(size) for column in zip(*held, strict=True))
            *whole, rest = zip(*columns, strict=True)
            yield from whole
            held = [rest]
    if held:
        yield tuple(torch.cat(column) for column in zip(*held, strict=True))


def filled(part: torch.Tensor, size: int) -> torch.Tensor:
    """Return `part` with rows of zeros after it, `size` rows in all."""
    lacking = size - len(part)
    return torch.cat([part, part.new_zeros(lacking, *part.shape[1:])]) if lacking else part


def quantize(images: torch.Tensor, cfg: SimpleNamespace) -> torch.Tensor:
    """Return a network's images as uint8, rounded as in the sample grids of a run.

    Raises SourceError if a number is not finite.
    """
    if cfg.logits:
        images = images.sigmoid()
    if not torch.isfinite(images).all():
        raise SourceError(
            "the network's images are no finite numbers: take weights of another --step"
        )
    if cfg.low == -1:
        images = images * 0.5 + 0.5
    return images.clamp(0, 1).mul(255).round().byte()
