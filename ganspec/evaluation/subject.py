"""What is scored: images of a generator, of an autoencoder, of a folder, or real ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import torch

from ganspec.evaluation.reference import RealImages
from ganspec.systems.batches import spaced
from ganspec.systems.feed import at
from ganspec.systems.source import Source, quantize
from ganspec.systems.spec import Spec


@dataclass(frozen=True)
class Subject:
    """A set of images with what there is to say of it.

    `batches(size)` gives them, uint8 N x C x H x W. `labels` are what they were asked to be, and
    `asked` says where these come from. `step`, `weights` (`average` or `raw`) and `seed` are those
    that made them; `real` is what they are, where nothing made them.
    """

    batches: Callable[[int], Iterator[torch.Tensor]]
    count: int
    of: str = "generated"
    labels: torch.Tensor | None = None
    asked: str | None = None
    names: tuple[str, ...] = ()
    step: int | None = None
    weights: str | None = None
    seed: int | None = None
    real: RealImages | None = None


def drawn(
    source: Source, count: int, seed: int, asked: str | None, names: tuple[str, ...] = (), **said
) -> Subject:
    """`count` images that a generator draws from `seed`, asked for by the source's labels."""
    labels = None
    if source.labels is not None:
        labels = source.labels_of(torch.arange(count))[0].cpu()

    def batches(size: int) -> Iterator[torch.Tensor]:
        for images, _ in source.images(count, seed, size):
            yield images

    asked = asked if labels is not None else None
    return Subject(batches, count, labels=labels, asked=asked, names=names, seed=seed, **said)


def restored(
    spec: Spec, network, cfg, real: RealImages, count: int, seed: int, device, **said
) -> Subject:
    """What an autoencoder makes of evenly spaced images, under noise that `seed` draws."""
    clean = some(real, count)

    def batches(size: int) -> Iterator[torch.Tensor]:
        random = torch.Generator(device).manual_seed(seed)
        training = network.training
        network.eval()
        for images in clean.batches(size):
            with torch.no_grad():
                made = spec.restore(network, images.to(device), random, cfg)
            yield quantize(made, cfg).cpu()
        network.train(training)

    seed = seed if cfg.noise else None
    labels, asked = clean.labels, f"{real.split} images"
    said |= {"labels": labels, "asked": asked, "names": real.names, "seed": seed}
    return Subject(batches, len(clean), **said)


def as_they_are(real: RealImages, of: str = "real") -> Subject:
    """Images that nothing is made of."""
    itself = real if of == "real" else None
    return Subject(real.batches, len(real), of, real.labels, names=real.names, real=itself)


def some(real: RealImages, count: int) -> RealImages:
    """`count` of the images, evenly spaced; all where there are fewer."""
    if count >= len(real):
        return real
    chosen = spaced(len(real), count)
    labels = None if real.labels is None else real.labels[chosen]
    is_list = isinstance(real.images, list)
    images = [real.images[i] for i in chosen] if is_list else at(real.images, chosen)
    return replace(real, images=images, labels=labels)
