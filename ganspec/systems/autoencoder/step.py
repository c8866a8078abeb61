"""One step of training an autoencoder, its test, and its pictures; functions are also emitted."""

from __future__ import annotations

import torch

from ganspec.systems.batches import scale_pixels
from ganspec.systems.update import update


def add_noise(images, random, cfg):
    """Return images with Gaussian noise, by torch's generator if `random` is None."""
    noise = torch.randn(images.shape, generator=random, device=images.device)
    noisy = images + cfg.noise * noise
    if not cfg.clip_noise:
        return noisy
    elif cfg.low == -1:
        return noisy.clamp(-1, 1)
    else:
        return noisy.clamp(0, 1)


def evaluate(autoencoder, images, cfg):
    """Return held-out images' mean loss by name, under the same noise each time."""
    if cfg.noise:
        random = torch.Generator(images.device).manual_seed(0)
    total = 0
    autoencoder.eval()
    with torch.no_grad():
        for part in images.split(cfg.batch):
            clean = scale_pixels(part, cfg)
            outputs = autoencoder(add_noise(clean, random, cfg) if cfg.noise else clean)
            total = total + len(part) * cfg.criterion.loss(outputs, clean, cfg.criterion)
    autoencoder.train()
    return {"test_loss": total / len(images)}


def compare(autoencoder, images, cfg):
    """Return in one batch all inputs, all outputs and, with noise, all clean images."""
    clean = scale_pixels(images, cfg)
    autoencoder.eval()
    with torch.no_grad():
        if cfg.noise:
            noisy = add_noise(clean, torch.Generator(images.device).manual_seed(0), cfg)
            outputs = autoencoder(noisy)
        else:
            outputs = autoencoder(clean)
    autoencoder.train()
    if cfg.criterion.outputs == "logits":
        outputs = outputs.sigmoid()
    return torch.cat([noisy, outputs, clean] if cfg.noise else [clean, outputs])


def train_step(autoencoder, optimizer, batches, cfg):
    """Make one step down a batch's loss. Return the loss before the step, by name."""
    images, _labels = next(batches)
    outputs = autoencoder(add_noise(images, None, cfg) if cfg.noise else images)
    loss = cfg.criterion.loss(outputs, images, cfg.criterion)
    update(optimizer, loss, cfg)
    return {"loss": loss.detach()}


def restore(autoencoder, images, random, cfg):
    """Return the inputs, with any noise drawn by `random`, and the restored images."""
    clean = scale_pixels(images, cfg)
    inputs = add_noise(clean, random, cfg) if cfg.noise else clean
    outputs = autoencoder(inputs)
    return inputs, outputs.sigmoid() if cfg.criterion.outputs == "logits" else outputs
