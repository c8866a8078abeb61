"""Latents that a seed draws, the same for every count, batch and device."""

from __future__ import annotations

import math
from collections.abc import Iterator
from types import SimpleNamespace

import torch

from ganspec.systems.draw import draw_latent

CHUNK = 32  # rows drawn at once: torch's normal numbers depend on how many are asked for
CPU = torch.device("cpu")


def latents(seed: int, cfg: SimpleNamespace) -> Iterator[torch.Tensor]:
    """Endless latents of the generator, CHUNK x latent size, on the CPU.

    They are those of training, drawn from a state of their own: torch's generators are left as
    they are.
    """
    state = torch.Generator().manual_seed(seed).get_state()
    while True:
        with torch.random.fork_rng(devices=[]):
            torch.set_rng_state(state)
            chunk = draw_latent(CHUNK, CPU, cfg)
            state = torch.get_rng_state()
        yield chunk


def truncate(latent: torch.Tensor, bound: float) -> torch.Tensor:
    """Standard normal numbers as those of the normal distribution within -bound and bound.

    The distribution is that of drawing again what lies outside (Brock et al., 2019, section
    3.1), by quantiles: one seed gives like images for every bound, and a small bound takes no
    longer.
    """
    share = math.erf(bound / math.sqrt(2))
    quantile = torch.erf(latent.double() / math.sqrt(2)) * share
    truncated = math.sqrt(2) * torch.erfinv(quantile)
    return truncated.clamp(-bound, bound).to(latent.dtype)


def linear(start: torch.Tensor, end: torch.Tensor, share: torch.Tensor) -> torch.Tensor:
    """The points at `share`, 0 to 1, of the straight way from `start` to `end`."""
    return (1 - share) * start + share * end


def spherical(start: torch.Tensor, end: torch.Tensor, share: torch.Tensor) -> torch.Tensor:
    """The points at `share`, 0 to 1, of the great arc from `start` to `end`, rows of latents.

    Shoemake (1985), for latents White (2016, arXiv:1609.04468): normal latents lie near a sphere,
    and the straight way between two leaves it. Straight where no arc is the shortest.
    """
    cosine = torch.nn.functional.cosine_similarity(start, end, dim=-1).clamp(-1, 1)
    angle = cosine.arccos()[..., None]
    sine = angle.sin()
    arc = (((1 - share) * angle).sin() * start + (share * angle).sin() * end) / sine
    return torch.where(sine.abs() > 1e-6, arc, linear(start, end, share))
