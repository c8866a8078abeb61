"""One iteration of training: the text that is also emitted, with `cfg` settled."""

from __future__ import annotations

import torch


def draw_latent(count, device, cfg):
    """Random inputs of the generator, count x latent size."""
    if cfg.latent_distribution == "uniform":
        latent = torch.empty(count, cfg.latent_size, device=device)
        return latent.uniform_(cfg.latent_low, cfg.latent_high)
    else:
        return torch.randn(count, cfg.latent_size, device=device)


def train_step(generator, discriminator, g_optimizer, d_optimizer, batches, cfg):
    """One iteration; returns both losses, without waiting for the device."""
    # Discriminator: raise the score of real images, lower that of generated ones
    if cfg.batches == "shared":
        real = next(batches)
    for _ in range(cfg.discriminator_steps):
        if cfg.batches == "fresh":
            real = next(batches)
        with torch.no_grad():
            fake = generator(draw_latent(len(real), real.device, cfg))
        d_loss = cfg.discriminator_loss(discriminator(real), discriminator(fake), cfg)
        if cfg.penalty:
            d_loss = d_loss + cfg.penalty(discriminator, real, fake, cfg)
        d_optimizer.zero_grad()
        d_loss.backward()
        d_optimizer.step()
        if cfg.clip:
            with torch.no_grad():
                for weight in discriminator.parameters():
                    weight.clamp_(-cfg.clip, cfg.clip)

    # Generator: raise its images' score; the discriminator only passes gradients on
    discriminator.requires_grad_(False)
    for _ in range(cfg.generator_steps):
        fake = generator(draw_latent(len(real), real.device, cfg))
        g_loss = cfg.generator_loss(discriminator(fake), cfg)
        g_optimizer.zero_grad()
        g_loss.backward()
        g_optimizer.step()
    discriminator.requires_grad_(True)
    return d_loss.detach(), g_loss.detach()
