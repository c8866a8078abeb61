"""Images between two latents."""

from __future__ import annotations

import warnings
from collections.abc import Iterator

import torch

from ganspec.sampling.pictures import Pictures
from ganspec.sampling.sampler import Sampler
from ganspec.systems.latents import linear, spherical
from ganspec.systems.source import Part, regrouped

WAYS = {"linear": linear, "spherical": spherical}


def interpolated(sampler: Sampler, pairs: int, steps: int, seed: int, way: str) -> Pictures:
    """A row of `steps` images for each of `pairs`, both ends included.

    Row i leads from latent 2i to latent 2i + 1 of `seed`; its label is held, since nothing lies
    between two classes.
    """
    if way == "spherical" and sampler.cfg.latent_distribution == "uniform":
        message = "uniform latents do not lie near a sphere: `linear` stays among them"
        warnings.warn(message, stacklevel=2)
    batches = sampler.drawn(_inputs(sampler, pairs, steps, seed, WAYS[way]))
    return Pictures(batches, pairs * steps, sampler.spec.data.shape, steps)


def _inputs(sampler: Sampler, pairs: int, steps: int, seed: int, way) -> Iterator[Part]:
    share = torch.linspace(0, 1, steps)[:, None]
    ends = regrouped(((chunk,) for chunk in sampler.latents(seed)), 2)
    for row, ((start, end),) in zip(range(pairs), ends, strict=False):
        latent = way(start.expand(steps, -1), end.expand(steps, -1), share)
        yield latent, *sampler.labels_of(torch.full((steps,), row))
