"""Latents drawn from a seed: the same ones for every count, batch size and device."""

from __future__ import annotations

import math
from collections.abc import Iterator
from types import SimpleNamespace

import torch

from ganspec.systems.draw import draw_latent

CHUNK = 32  # latents in one draw; constant, since torch's normal numbers depend on the count
CPU = torch.device("cpu")


def latents(seed: int, cfg: SimpleNamespace) -> Iterator[torch.Tensor]:
    """Yield latents of the generator without end, CHUNK x latent size, on the CPU.

    Their distribution is that of the training. Torch's global random state does not change.
    """
    state = torch.Generator().manual_seed(seed).get_state()
    while True:
        with torch.random.fork_rng(devices=[]):
            torch.set_rng_state(state)
            chunk = draw_latent(CHUNK, CPU, cfg)
            state = torch.get_rng_state()
        yield chunk


def truncate(latent: torch.Tensor, bound: float) -> torch.Tensor:
    """Return standard normal numbers, mapped to a normal distribution cut off at +-bound.

    Each number is mapped to the same quantile of the new distribution. Brock et al. (2019, section
    3.1) get this distribution by drawing each number outside of the bound again. With quantiles,
    one draw is enough: one seed gives similar images for every bound.
    """
    share = math.erf(bound / math.sqrt(2))
    quantile = torch.erf(latent.double() / math.sqrt(2)) * share
    truncated = math.sqrt(2) * torch.erfinv(quantile)
    return truncated.clamp(-bound, bound).to(latent.dtype)


def linear(start: torch.Tensor, end: torch.Tensor, share: torch.Tensor) -> torch.Tensor:
    """Return the points at `share`, 0 to 1, of the straight line from `start` to `end`."""
    return (1 - share) * start + share * end


def spherical(start: torch.Tensor, end: torch.Tensor, share: torch.Tensor) -> torch.Tensor:
    """Return the points at `share`, 0 to 1, of the great arc from `start` to `end`.

    Normal latents are near a sphere, and the straight line between two is not (Shoemake, 1985;
    White, 2016, arXiv:1609.04468). Between latents of the same or opposite directions, where the
    arc is not defined, the points are on the straight line.
    """
    cosine = torch.nn.functional.cosine_similarity(start, end, dim=-1).clamp(-1, 1)
    angle = cosine.arccos()[..., None]
    sine = angle.sin()
    arc = (((1 - share) * angle).sin() * start + (share * angle).sin() * end) / sine
    return torch.where(sine.abs() > 1e-6, arc, linear(start, end, share))
