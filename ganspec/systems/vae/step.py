"""One step of training a variational autoencoder, and its test; the functions are also emitted."""

from __future__ import annotations

import torch

from ganspec.systems.batches import scale_pixels
from ganspec.systems.update import update


def draw_code(mean, log_variance, random):
    """Draw codes from N(mean, variance), by torch's generator if `random` is None."""
    noise = torch.randn(mean.shape, generator=random, device=mean.device)
    return mean + (0.5 * log_variance).exp() * noise


def divergence(mean, log_variance):
    """Return the KL divergence of codes from N(0, 1), the mean over the batch.

    Source: Kingma & Welling, 2014, appendix B.
    """
    return -0.5 * (1 + log_variance - mean.square() - log_variance.exp()).sum(1).mean()


def bound(encoder, decoder, images, random, cfg):
    """Return the batch's mean loss, reconstruction loss and divergence."""
    mean, log_variance = encoder(images)
    outputs = decoder(draw_code(mean, log_variance, random))
    reconstruction = cfg.numbers * cfg.criterion.loss(outputs, images, cfg.criterion)
    kl = divergence(mean, log_variance)
    loss = reconstruction + cfg.kl * kl
    return loss, reconstruction, kl


def train_step(encoder, decoder, optimizer, batches, cfg):
    """Update both networks once. Return the losses before the update, by name."""
    images, _labels = next(batches)
    loss, reconstruction, kl = bound(encoder, decoder, images, None, cfg)
    update(optimizer, loss, cfg)
    return {
        "loss": loss.detach(),
        "reconstruction": reconstruction.detach(),
        "kl": kl.detach(),
    }


def evaluate(encoder, decoder, images, cfg):
    """Return held-out images' mean loss by name, under the same noise each time."""
    random = torch.Generator(images.device).manual_seed(0)
    total = 0
    encoder.eval()
    decoder.eval()
    with torch.no_grad():
        for part in images.split(cfg.batch):
            loss, _, _ = bound(encoder, decoder, scale_pixels(part, cfg), random, cfg)
            total = total + len(part) * loss
    encoder.train()
    decoder.train()
    return {"test_loss": total / len(images)}


def decode(decoder, codes, cfg):
    """Return the images that the decoder makes of codes."""
    decoder.eval()
    with torch.no_grad():
        images = decoder(codes)
    decoder.train()
    return images.sigmoid() if cfg.logits else images
