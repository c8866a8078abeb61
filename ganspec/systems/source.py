"""Images that a generator draws from a seed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from types import SimpleNamespace

import torch

from ganspec.language.errors import GanspecError
from ganspec.systems.latents import CHUNK, latents, truncate

# Images that go through a network at once. It is always as many: kernels for other batches round
# otherwise, and one seed would not give the same bytes for every count.
PORTION = {"cpu": 32, "cuda": 256}

Part = tuple[torch.Tensor, ...]  # rows that belong together: latents, images, their labels


class SourceError(GanspecError):
    """Images of a network that are not finite numbers."""


class Source:
    """A generator, and what its images are drawn from.

    `labels` are taken again and again, None where the generator reads none. Nothing here draws
    from torch's own random generators, so that a training goes on as if it had not been.
    """

    truncation: float | None = None  # bound of the latents

    def __init__(
        self,
        generator: torch.nn.Module,
        cfg: SimpleNamespace,
        device: torch.device,
        labels: torch.Tensor | None = None,
    ):
        self.generator, self.cfg, self.device, self.labels = generator, cfg, device, labels
        self.portion = PORTION.get(device.type, CHUNK)

    def inputs(self, count: int, seed: int) -> dict[str, torch.Tensor]:
        """Latents that `seed` draws, and labels, on the device; the first ones for any count."""
        latent, *labels = next(regrouped(self.parts(count, seed), count))
        inputs = {"latent": latent.to(self.device)}
        return {**inputs, "labels": labels[0].to(self.device)} if labels else inputs

    def latents(self, seed: int) -> Iterator[torch.Tensor]:
        """Endless latents in chunks, truncated where that is asked for."""
        for latent in latents(seed, self.cfg):
            yield latent if self.truncation is None else truncate(latent, self.truncation)

    def labels_of(self, places: torch.Tensor) -> Part:
        """The labels of the images at `places`, as a part of their rows."""
        if self.labels is None:
            return ()
        return (self.labels[places.to(self.labels.device) % len(self.labels)],)

    def parts(self, count: int, seed: int) -> Iterator[Part]:
        """The generator's inputs, latents and labels, of `count` images."""
        chunks = zip(range(0, count, CHUNK), self.latents(seed), strict=False)
        for start, latent in chunks:
            latent = latent[: count - start]
            yield latent, *self.labels_of(torch.arange(start, start + len(latent)))

    def images(
        self, count: int, seed: int, batch: int | None = None
    ) -> Iterator[tuple[torch.Tensor, torch.Tensor | None]]:
        """`count` images that `seed` draws, uint8 N x C x H x W on the CPU, with their labels.

        They come `batch` at a time. Image i is the same, byte for byte, for every `count` and
        `batch`. The generator is in evaluation mode meanwhile.
        """
        return self.drawn(self.parts(count, seed), batch)

    def drawn(
        self, parts: Iterable[Part], batch: int | None = None
    ) -> Iterator[tuple[torch.Tensor, torch.Tensor | None]]:
        """What the generator makes of inputs in parts, as `images` gives it."""
        portions = regrouped(parts, self.portion)
        made = ((self.pixels(*portion), *portion[1:]) for portion in portions)
        for images, *labels in regrouped(made, batch) if batch else made:
            yield images, labels[0].cpu() if labels else None

    def pixels(self, *inputs: torch.Tensor) -> torch.Tensor:
        """What the generator makes of one portion of inputs, as `images` gives it."""
        count = len(inputs[0])
        inputs = [filled(part, self.portion) for part in inputs]
        training = self.generator.training
        self.generator.eval()
        with torch.no_grad():
            images = self.generator(*(part.to(self.device) for part in inputs))[:count]
        self.generator.train(training)
        return quantize(images, self.cfg).cpu()


def regrouped(parts: Iterable[Part], size: int) -> Iterator[Part]:
    """The same rows, `size` at a time, and what is left."""
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
    """`part` with rows of zeros behind it, `size` in all."""
    lacking = size - len(part)
    return torch.cat([part, part.new_zeros(lacking, *part.shape[1:])]) if lacking else part


def quantize(images: torch.Tensor, cfg: SimpleNamespace) -> torch.Tensor:
    """Images of a network as uint8, rounded as the grids of a run are; raises RunError."""
    if cfg.logits:
        images = images.sigmoid()
    if not torch.isfinite(images).all():
        raise SourceError(
            "the network's images are no finite numbers: take weights of another --step"
        )
    if cfg.low == -1:
        images = images * 0.5 + 0.5
    return images.clamp(0, 1).mul(255).round().byte()
