"""The images to score: drawn by a generator, restored by an autoencoder, in a folder, or real."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch

from ganspec.compiler.batches import require_scorable
from ganspec.compiler.evaluate import EvaluatedNetwork
from ganspec.evaluation.reference import RealImages, take
from ganspec.systems.batches import spaced
from ganspec.systems.restorer import Restorer
from ganspec.systems.source import Source, own_batch, quantize


@dataclass(frozen=True)
class Subject:
    """A set of images to score, with their labels and origin.

    `batches(size)` yields the `count` images, uint8 N x C x H x W, at most `size` at a time. `of`
    is `generated` or `real`. `labels` are those that the generator read, or those of the real
    images, None if there are none; `label_source` is their origin, such as `test images`, and
    `names` are the class names. `step`, `epoch` and `weights` (`average` or `raw`) tell which
    weights made the images, or which weights of a classifier are tested on them. `seed` is the seed
    that drew latents or noise. `real` are the images themselves if they are real.
    `compared` describes real images that are compared with other real images; for all other images
    it is empty.
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
    compared: str = ""


def drawn_images(source: Source, count: int, seed: int, label_source: str | None) -> Subject:
    """Return `count` images that a generator draws from `seed`, for the labels of `source`.

    `label_source` is the origin of these labels, for the score; None if there are none.
    """

    def batches(size: int) -> Iterator[torch.Tensor]:
        for images, _ in source.images(count, seed, size):
            yield images

    if source.labels is None:
        return Subject(batches, count, seed=seed)
    labels = source.labels_of(torch.arange(count))[0].cpu()
    return Subject(batches, count, labels=labels, label_source=label_source, seed=seed)


def restored_images(restorer: Restorer, real: RealImages, count: int, seed: int) -> Subject:
    """Return `count` evenly spaced images of `real` as an autoencoder restores them.

    If `real` has fewer images, all of them are restored. `seed` draws the noise on the
    autoencoder's inputs. A network that normalizes by the batch reads batches of training's size.
    Raises BatchSizeError if it cannot read the last batch, which may be smaller.
    """
    network, cfg = restorer.network, restorer.cfg
    originals = choose_images(real, count)
    whole = own_batch(network, cfg)
    if whole and restorer.spec.restores and isinstance(network, EvaluatedNetwork):
        require_scorable(restorer.spec.restores, network.program, len(originals), whole)

    def batches(size: int) -> Iterator[torch.Tensor]:
        for _, restored in restorer.pairs(originals.batches(whole or size), seed):
            yield quantize(restored, cfg).cpu()

    return Subject(
        batches,
        len(originals),
        labels=originals.labels,
        label_source=f"{real.split} images",
        names=real.names,
        seed=seed if cfg.noise else None,
    )


def unchanged_images(real: RealImages, of: str = "real", compared: str = "") -> Subject:
    """Return the images of `real`, unchanged, as a subject with this `of` and `compared`."""
    return Subject(
        real.batches,
        len(real),
        of,
        real.labels,
        names=real.names,
        real=real if of == "real" else None,
        compared=compared,
    )


def choose_images(real: RealImages, count: int) -> RealImages:
    """Return `count` evenly spaced images of `real`, or all of them if `real` has fewer."""
    if count >= len(real):
        return real
    return take(real, spaced(len(real), count), real.seed)
