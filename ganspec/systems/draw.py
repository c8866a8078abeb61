"""Random latents; the function is also emitted."""

from __future__ import annotations

import torch


def draw_latent(count, device, cfg):
    """Return random latents, count x latent size."""
    if cfg.latent_distribution == "normal":
        return torch.randn(count, cfg.latent_size, device=device)
    elif (cfg.latent_low, cfg.latent_high) == (0, 1):
        return torch.rand(count, cfg.latent_size, device=device)
    else:
        latent = torch.empty(count, cfg.latent_size, device=device)
        return latent.uniform_(cfg.latent_low, cfg.latent_high)
