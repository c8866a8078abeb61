"""The images that are scored: a generator's, an autoencoder's, a folder's, or real ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from types import SimpleNamespace

import torch
from torch import nn

from ganspec.evaluation.reference import RealImages
from ganspec.systems.batches import spaced
from ganspec.systems.feed import at
from ganspec.systems.source import Source, own_batch, quantize
from ganspec.systems.spec import Spec


@dataclass(frozen=True)
class Subject:
    """A set of images to score, with their labels and origin.

    `batches(size)` yields the images, uint8 N x C x H x W. `labels` are those that the generator
    drew for, or those of the originals; `label_source` is their origin, such as `test images`, and
    `names` are the class names. `step`, `epoch` and `weights` (`average` or `raw`) are the
    network's. `seed` draws the latents or the noise; `real` is set if the images are real.
    """

    batches: Callable[[int], Iterator[torch.Tensor]]
    count: int
    of: str = "generated"
    labels: torch.Tensor | None = None
    label_source: str | None = None
    names: tuple[str, ...] = ()
    step: int | None = None
    epoch: int | None = None
    weights: str | None = None
    seed: int | None = None
    real: RealImages | None = None


def drawn_images(source: Source, count: int, seed: int, label_source: str | None) -> Subject:
    """Return `count` images that a generator draws from `seed`, for the source's labels."""

    def batches(size: int) -> Iterator[torch.Tensor]:
        for images, _ in source.images(count, seed, size):
            yield images

    if source.labels is None:
        return Subject(batches, count, seed=seed)
    labels = source.labels_of(torch.arange(count))[0].cpu()
    return Subject(batches, count, labels=labels, label_source=label_source, seed=seed)


@dataclass(frozen=True)
class Restorer:
    """A network that restores images, with its settings."""

    spec: Spec
    network: nn.Module
    cfg: SimpleNamespace
    device: torch.device


def restored_images(restorer: Restorer, real: RealImages, count: int, seed: int) -> Subject:
    """Return evenly spaced real images as an autoencoder restores them.

    `seed` draws the noise on their inputs. A network that normalizes by the batch restores batches
    of training's size.
    """
    network, cfg, device = restorer.network, restorer.cfg, restorer.device
    originals = choose_images(real, count)

    def batches(size: int) -> Iterator[torch.Tensor]:
        random = torch.Generator(device).manual_seed(seed)
        training = network.training
        network.eval()
        for images in originals.batches(own_batch(network, cfg) or size):
            with torch.no_grad():
                _, restored = restorer.spec.restore(network, images.to(device), random, cfg)
            yield quantize(restored, cfg).cpu()
        network.train(training)

    return Subject(
        batches,
        len(originals),
        labels=originals.labels,
        label_source=f"{real.split} images",
        names=real.names,
        seed=seed if cfg.noise else None,
    )


def unchanged_images(real: RealImages, of: str = "real") -> Subject:
    """Return the images of `real` as a subject, unchanged."""
    itself = real if of == "real" else None
    return Subject(real.batches, len(real), of, real.labels, names=real.names, real=itself)


def choose_images(real: RealImages, count: int) -> RealImages:
    """Return `count` of the images, evenly spaced, or all if there are fewer."""
    if count >= len(real):
        return real
    chosen = spaced(len(real), count)
    labels = None if real.labels is None else real.labels[chosen]
    if isinstance(real.images, list):
        return replace(real, images=[real.images[i] for i in chosen], labels=labels)
    return replace(real, images=at(real.images, chosen), labels=labels)
