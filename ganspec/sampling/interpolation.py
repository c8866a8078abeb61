"""Draw images along the way from one latent to another."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from typing import TypeAlias

import torch

from ganspec.sampling.pictures import Pictures
from ganspec.sampling.sampler import Sampler
from ganspec.systems.latents import linear, spherical
from ganspec.systems.source import Part, regrouped

Way: TypeAlias = Callable[[torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor]
WAYS: dict[str, Way] = {"linear": linear, "spherical": spherical}


def interpolated(sampler: Sampler, pairs: int, steps: int, seed: int, way: str) -> Pictures:
    """Return `pairs` rows of `steps` images, each on the way from one latent to another.

    Row i leads from latent 2i of `seed` to latent 2i + 1, both included. `way` is a key of WAYS.
    All images of a row have one label, since there is nothing between two classes. A generator that
    normalizes by the batch uses the statistics of the first batch of `seed` for every image, so
    that no row depends on others. The sampler keeps these statistics. Warn if `way` is `spherical`
    and latents are uniform.
    """
    if way == "spherical" and sampler.cfg.latent_distribution == "uniform":
        message = "uniform latents are not near a sphere: `linear` keeps to their range"
        warnings.warn(message, stacklevel=2)

    def inputs() -> Iterator[Part]:
        share = torch.linspace(0, 1, steps)[:, None]
        ends = regrouped(((chunk,) for chunk in sampler.latents(seed)), 2)
        for row, ((start, end),) in zip(range(pairs), ends, strict=False):
            latent = WAYS[way](start.expand(steps, -1), end.expand(steps, -1), share)
            yield latent, *sampler.labels_of(torch.full((steps,), row))

    sampler.fix_statistics(seed)
    batches = sampler.drawn(inputs(), pairs * steps)
    return Pictures(batches, pairs * steps, sampler.spec.data.shape, columns=steps)
