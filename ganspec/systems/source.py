"""Images that a generator draws from a seed, the same ones for every count and batch size.

`generator` also stands for the decoder of a variational autoencoder.

If a generator normalizes by the batch, the images of a batch depend on each other. Such a generator
always reads whole batches of training's size. If that is 64, images 0 to 63 of a seed are one
batch, and images 64 to 127 are the next.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from numbers import Integral
from types import SimpleNamespace

import torch

from ganspec.language.errors import GanspecError
from ganspec.program.statistics import batch_normalizers, fix_statistics
from ganspec.systems.evaluating import evaluating
from ganspec.systems.latents import CHUNK, latents, truncate
from ganspec.systems.room import FEWER, require_memory

# Images that go through a network at once, by device. The number is fixed, since kernels for other
# batch sizes round differently, and one seed would give other bytes for another count.
PORTION = {"cpu": 32, "cuda": 256}

# Latents or images, and their labels if the generator reads any: tensors with equally many rows.
Part = tuple[torch.Tensor, ...]


class SourceError(GanspecError):
    """Raised when a network makes images with numbers that are not finite."""


class Source:
    """A generator that draws images from seeds, and the labels of its images.

    Image i has the label `labels[i]`; after the last one, they begin again at the first. `labels`
    is None if the generator reads none. `portion` is the number of images that it draws at once.
    `own_batch` is the same number if the generator normalizes by the batch, and None if not.
    Drawing leaves torch's global random state alone, so that a training goes on unchanged.
    """

    truncation: float | None = None  # bound of the latents' absolute values

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
        """Return the generator's inputs for `count` images, on the device, by name.

        `latent` are latents that `seed` draws; `labels` is left out if the generator reads none.
        The inputs for a larger `count` begin with the same rows.
        """
        latent, *labels = next(regrouped(self.parts(count, seed), count))
        inputs = {"latent": latent.to(self.device)}
        return {**inputs, "labels": labels[0].to(self.device)} if labels else inputs

    def latents(self, seed: int) -> Iterator[torch.Tensor]:
        """Yield latents without end, CHUNK x latent size, truncated if `truncation` is set."""
        for latent in latents(seed, self.cfg):
            yield latent if self.truncation is None else truncate(latent, self.truncation)

    def labels_of(self, indices: torch.Tensor) -> Part:
        """Return a tuple of one tensor, the labels at `indices`; () if the generator reads none."""
        if self.labels is None:
            return ()
        return (self.labels[indices.to(self.labels.device) % len(self.labels)],)

    def parts(self, count: int, seed: int) -> Iterator[Part]:
        """Yield latents and labels for `count` images, in parts of at most CHUNK rows."""
        chunks = zip(range(0, count, CHUNK), self.latents(seed), strict=False)
        for start, latent in chunks:
            latent = latent[: count - start]
            yield latent, *self.labels_of(torch.arange(start, start + len(latent)))

    def images(
        self, count: int, seed: int, batch: int | None = None
    ) -> Iterator[tuple[torch.Tensor, torch.Tensor | None]]:
        """Yield `count` images that `seed` draws, `batch` at a time, and their labels or None.

        Images are uint8 N x C x H x W, on the CPU. If `batch` is None, `portion` images come at a
        time. Image i is the same, byte for byte, for every `count` and `batch`. The generator draws
        in evaluation mode. Raises ValueError unless `count` is a whole number from 1 on and `seed`
        one from 0 to 2**63 - 1, and SourceError if the generator's numbers are not finite.
        """
        if not _is_whole(count, 1):
            raise ValueError(
                f"sample draws a whole number of images from 1 to 2**63 - 1, not {count!r}"
            )
        if not _is_whole(seed, 0):
            raise ValueError(f"a seed is a whole number from 0 to 2**63 - 1, not {seed!r}")
        parts = self.parts(whole(int(count), self.own_batch), int(seed))
        return self.drawn(parts, int(count), batch)

    def all_images(
        self, count: int, seed: int, remedy: str = FEWER
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Return the images and labels that `images` yields, each as one tensor.

        Raises what `images` raises, and RoomError, which ends with `remedy`, if they do not fit
        into memory.
        """
        batches = self.images(count, seed)
        require_memory(count, (self.cfg.channels, self.cfg.height, self.cfg.width), remedy)
        images, labels = zip(*batches, strict=True)
        return torch.cat(images), None if labels[0] is None else torch.cat(labels)

    def drawn(
        self, parts: Iterable[Part], count: int, batch: int | None = None
    ) -> Iterator[tuple[torch.Tensor, torch.Tensor | None]]:
        """Yield the first `count` images that the generator draws for `parts`, and their labels.

        Images are uint8 N x C x H x W, on the CPU; labels are None if the generator reads none.
        `batch` images come at a time, or `portion` if `batch` is None. Raises SourceError if the
        generator's numbers are not finite.
        """
        portions = regrouped(parts, self.portion)
        drawn = self.draw_all(portions)
        for images, *labels in first(regrouped(drawn, batch) if batch else drawn, count):
            yield images, labels[0].cpu() if labels else None

    def draw(self, portion: Part) -> Part:
        """Return the images for at most `portion` rows of inputs, and their labels if any."""
        return self.pixels(*portion), *portion[1:]

    def draw_all(self, portions: Iterable[Part]) -> Iterator[Part]:
        """Yield `draw` of each of the `portions`."""
        return map(self.draw, portions)

    def fix_statistics(self, seed: int) -> None:
        """Let the generator normalize all images by the statistics of the first batch of `seed`.

        From then on, images do not depend on each other. A generator that does not normalize by the
        batch stays as it is.
        """
        if self.own_batch is None:
            return
        with evaluating(self.generator):
            fix_statistics(self.generator, *self.inputs(self.own_batch, seed).values())
        self.own_batch, self.portion = None, PORTION.get(self.device.type, CHUNK)

    def pixels(self, *inputs: torch.Tensor) -> torch.Tensor:
        """Return the images for at most `portion` rows of inputs, uint8 N x C x H x W on the CPU.

        Raises SourceError if a number is not finite.
        """
        return quantize(self.outputs(*inputs), self.cfg).cpu()

    def outputs(self, *inputs: torch.Tensor) -> torch.Tensor:
        """Return the generator's outputs for at most `portion` rows of inputs, on the device."""
        count = len(inputs[0])
        portion = [filled(part, self.portion).to(self.device) for part in inputs]
        with evaluating(self.generator):
            return self.generator(*portion)[:count]


def _is_whole(value: object, least: int) -> bool:
    """Return True if `value` is a whole number from `least` to 2**63 - 1, as torch takes them."""
    is_number = isinstance(value, Integral) and not isinstance(value, bool)
    return is_number and least <= int(value) < 2**63  # type: ignore[call-overload]


def own_batch(network: torch.nn.Module, cfg: SimpleNamespace) -> int | None:
    """Return the size of a batch in training, if `network` normalizes by the batch; else None."""
    return cfg.batch if batch_normalizers(network) else None


def whole(count: int, batch: int | None) -> int:
    """Return `count`, rounded up to a multiple of `batch` unless `batch` is None."""
    return count if batch is None else count + -count % batch


def first(parts: Iterable[Part], count: int) -> Iterator[Part]:
    """Yield the first `count` rows of `parts`, in parts of which the last may be cut."""
    for part in parts:
        yield tuple(column[:count] for column in part)
        count -= len(part[0])
        if count <= 0:
            return


def regrouped(parts: Iterable[Part], size: int) -> Iterator[Part]:
    """Yield the rows of `parts` in parts of `size` rows; the last part may be smaller."""
    held: list[Part] = []
    for part in parts:
        held.append(part)
        if sum(len(column) for column, *_ in held) > size:
            columns = (torch.cat(column).split(size) for column in zip(*held, strict=True))
            *full, rest = zip(*columns, strict=True)
            yield from full
            held = [rest]
    if held:
        yield tuple(torch.cat(column) for column in zip(*held, strict=True))


def filled(part: torch.Tensor, size: int) -> torch.Tensor:
    """Return `part` with rows of zeros appended, so that it has `size` rows."""
    lacking = size - len(part)
    return torch.cat([part, part.new_zeros(lacking, *part.shape[1:])]) if lacking else part


def quantize(images: torch.Tensor, cfg: SimpleNamespace) -> torch.Tensor:
    """Return a network's output, N x C x H x W, as uint8 images, rounded as in a run's samples.

    Raises SourceError if a number is not finite.
    """
    if cfg.logits:
        images = images.sigmoid()
    if not torch.isfinite(images).all():
        raise SourceError(
            "the network's images are not finite numbers: use weights of an earlier step"
        )
    if cfg.low == -1:
        images = images * 0.5 + 0.5
    return images.clamp(0, 1).mul(255).round().byte()
