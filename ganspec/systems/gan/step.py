"""One iteration of training a GAN; also emitted, with the values of `cfg` filled in."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from ganspec.systems.batches import count_batches, draw_labels
from ganspec.systems.draw import draw_latent
from ganspec.systems.update import update


def draw_pixels(images, cfg):
    """Return images of random pixels, in the shape and range of `images`."""
    if cfg.low == -1:
        return 2 * torch.rand_like(images) - 1
    else:
        return torch.rand_like(images)


def squared_weights(network):
    """Return half the sum of a network's squared weights."""
    return 0.5 * sum(weight.square().sum() for weight in network.parameters())


def assess(discriminator, images, labels, cfg):
    """Return scores of images, and the auxiliary head's loss."""
    scores, guesses = discriminator(images, labels) if cfg.d_conditional else discriminator(images)
    if cfg.labels == "classes":
        return scores, F.cross_entropy(guesses, labels)
    else:
        return scores, F.binary_cross_entropy_with_logits(guesses, labels)


def clip_weights(network, bound):
    """Keep every weight within -bound and bound."""
    with torch.no_grad():
        for weight in network.parameters():
            weight.clamp_(-bound, bound)


def train_discriminator(discriminator, optimizer, real, labels, fake, fake_labels, cfg):
    """Update the discriminator once. Return its losses by name."""
    # D: maximise {cfg.loss.d_goal}
    if cfg.auxiliary:
        real_scores, q_real = assess(discriminator, real, labels, cfg)
        fake_scores, q_fake = assess(discriminator, fake, fake_labels, cfg)
    else:
        real_scores = discriminator(real, labels) if cfg.d_conditional else discriminator(real)
        fake_scores = discriminator(fake, fake_labels) if cfg.d_conditional else discriminator(fake)
    d_loss = cfg.loss.real_loss(real_scores, cfg.loss) + cfg.loss.fake_loss(fake_scores, cfg.loss)
    if cfg.d_scale != 1:
        d_loss = cfg.d_scale * d_loss
    if cfg.auxiliary:
        q_loss = q_real + q_fake if cfg.auxiliary_images == "both" else q_real
        d_loss = d_loss + cfg.d_auxiliary * q_loss
    if cfg.penalty:
        d_loss = d_loss + cfg.penalty.penalty(discriminator, real, fake, labels, cfg.penalty)
    if cfg.d_l2:
        d_loss = d_loss + cfg.d_l2 * squared_weights(discriminator)
    log = {"d_loss": d_loss.detach()}
    if cfg.auxiliary:
        log["q_loss"] = q_loss.detach()
    if cfg.accuracy:
        log["real_accuracy"] = (real_scores > cfg.loss.threshold).float().mean()
        log["fake_accuracy"] = (fake_scores < cfg.loss.threshold).float().mean()
    if cfg.skips:
        log["g_loss"] = cfg.loss.generator_loss(fake_scores.detach(), cfg.loss)
    if cfg.skip_discriminator:
        if not cfg.skip_discriminator(log["d_loss"], log["g_loss"]):
            update(optimizer, d_loss)
    else:
        update(optimizer, d_loss)
    if cfg.clip:
        clip_weights(discriminator, cfg.clip)
    return log


def train_discriminator_apart(discriminator, optimizer, real, labels, fake, fake_labels, cfg):
    """Update the discriminator on real, then on fake images. Return its losses."""
    # D: maximise {cfg.loss.d_goal}, one term after the other
    real_scores = discriminator(real, labels) if cfg.d_conditional else discriminator(real)
    d_real = cfg.loss.real_loss(real_scores, cfg.loss)
    if cfg.d_scale != 1:
        d_real = cfg.d_scale * d_real
    update(optimizer, d_real)
    if cfg.clip:
        clip_weights(discriminator, cfg.clip)

    fake_scores = discriminator(fake, fake_labels) if cfg.d_conditional else discriminator(fake)
    d_fake = cfg.loss.fake_loss(fake_scores, cfg.loss)
    if cfg.d_scale != 1:
        d_fake = cfg.d_scale * d_fake
    update(optimizer, d_fake)
    if cfg.clip:
        clip_weights(discriminator, cfg.clip)

    d_real, d_fake = d_real.detach(), d_fake.detach()
    log = {"d_loss": d_real + d_fake, "d_real": d_real, "d_fake": d_fake}
    if cfg.accuracy:
        log["real_accuracy"] = (real_scores > cfg.loss.threshold).float().mean()
        log["fake_accuracy"] = (fake_scores < cfg.loss.threshold).float().mean()
    return log


def train_generator(generator, discriminator, optimizer, latent, labels, cfg):
    """Update the generator once. Return its loss."""
    # G: maximise {cfg.loss.g_goal}
    discriminator.requires_grad_(False)  # no gradients for its weights
    images = generator(latent, labels) if cfg.g_conditional else generator(latent)
    if cfg.auxiliary:
        scores, q_loss = assess(discriminator, images, labels, cfg)
    else:
        scores = discriminator(images, labels) if cfg.d_conditional else discriminator(images)
    g_loss = cfg.loss.generator_loss(scores, cfg.loss)
    if cfg.auxiliary:
        g_loss = g_loss + cfg.g_auxiliary * q_loss
    if cfg.g_l2:
        g_loss = g_loss + cfg.g_l2 * squared_weights(generator)
    update(optimizer, g_loss)
    discriminator.requires_grad_(True)
    return g_loss


def train_step(step, generator, discriminator, g_optimizer, d_optimizer, batches, pool, cfg):
    """Train both networks for one iteration. Return the losses by name."""
    if cfg.batches == "shared":
        real, labels = next(batches)
    for _ in range(cfg.discriminator_steps):
        if cfg.batches == "fresh":
            real, labels = next(batches)
        fake_labels = draw_labels(pool, len(real)) if cfg.fake_labels == "random" else labels
        latent = draw_latent(len(real), real.device, cfg)
        if cfg.warmup_images == "pixels" and step <= cfg.warmup:
            fake = draw_pixels(real, cfg)
        else:
            with torch.no_grad():
                fake = generator(latent, fake_labels) if cfg.g_conditional else generator(latent)
        log = cfg.train_discriminator(
            discriminator, d_optimizer, real, labels, fake, fake_labels, cfg
        )

    if cfg.warmup and step <= cfg.warmup:  # the generator is not trained yet
        return log
    if cfg.skip_generator and cfg.skip_generator(log["d_loss"], log["g_loss"]):
        return log
    for _ in range(cfg.generator_steps):
        if cfg.latents == "fresh":
            latent = draw_latent(cfg.generator_batch or len(real), real.device, cfg)
        if cfg.fake_labels == "random":
            fake_labels = draw_labels(pool, cfg.generator_batch or len(real))
        g_loss = train_generator(generator, discriminator, g_optimizer, latent, fake_labels, cfg)
    return log | {"g_loss": g_loss.detach()}


def update_average(average, generator, cfg, after):
    """Move averaged weights a little towards the generator's; copy its buffers."""
    # a smaller decay at first, or the average would keep the initial weights for long
    decay = min(cfg.average, (1 + after) / (10 + after))
    with torch.no_grad():
        for mean, weight in zip(average.parameters(), generator.parameters(), strict=True):
            mean.lerp_(weight, 1 - decay)
        for mean, buffer in zip(average.buffers(), generator.buffers(), strict=True):
            mean.copy_(buffer)


def count_steps(images, cfg):
    """Return the number of iterations in which every image is seen once."""
    if cfg.batches == "fresh" and cfg.discriminator_steps > 1:
        return max(1, count_batches(images, cfg) // cfg.discriminator_steps)
    else:
        return count_batches(images, cfg)
