"""One iteration of training a GAN; the functions are also emitted, with `cfg` filled in."""

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


def generate(generator, latent, labels, cfg):
    """Return the generator's images for latents, and for labels if it reads them."""
    return generator(latent, labels) if cfg.g_conditional else generator(latent)


def squared_weights(network):
    """Return the L2 term: half the sum of a network's squared weights."""
    return 0.5 * sum(weight.square().sum() for weight in network.parameters())


def assess(discriminator, images, labels, cfg):
    """Return the scores of images, and the loss of the auxiliary head."""
    scores, guesses = discriminator(images, labels) if cfg.d_conditional else discriminator(images)
    if cfg.labels == "classes":
        return scores, F.cross_entropy(guesses, labels)
    else:
        return scores, F.binary_cross_entropy_with_logits(guesses, labels)


def clip_weights(network, bound):
    """Clip every weight to the range from -bound to bound."""
    with torch.no_grad():
        for weight in network.parameters():
            weight.clamp_(-bound, bound)


def gradient_norm(network):
    """Return the Euclidean norm of all gradients of a network's weights."""
    gradients = [weight.grad for weight in network.parameters() if weight.grad is not None]
    return torch.stack([gradient.norm() for gradient in gradients]).norm()


def measure_accuracy(real_scores, fake_scores, cfg):
    """Return the shares of real and of generated images that are judged rightly."""
    if cfg.real_sign == 1:
        real, fake = real_scores > cfg.loss.threshold, fake_scores < cfg.loss.threshold
    else:  # the loss lowers the scores of real images
        real, fake = real_scores < cfg.loss.threshold, fake_scores > cfg.loss.threshold
    return real.float().mean(), fake.float().mean()


def train_discriminator(discriminator, optimizer, real, labels, fake, fake_labels, log, cfg):
    """Update the discriminator, unless a rule skips it. Write losses into `log`."""
    # D: maximise {cfg.loss.d_goal}
    if cfg.d_auxiliary:
        real_scores, q_real = assess(discriminator, real, labels, cfg)
        fake_scores, q_fake = assess(discriminator, fake, fake_labels, cfg)
    elif cfg.auxiliary:  # another update has the auxiliary loss
        real_scores, _ = discriminator(real, labels) if cfg.d_conditional else discriminator(real)
        fake_scores, _ = (
            discriminator(fake, fake_labels) if cfg.d_conditional else discriminator(fake)
        )
    else:
        real_scores = discriminator(real, labels) if cfg.d_conditional else discriminator(real)
        fake_scores = discriminator(fake, fake_labels) if cfg.d_conditional else discriminator(fake)
    d_loss = cfg.loss.real_loss(real_scores, cfg.loss) + cfg.loss.fake_loss(fake_scores, cfg.loss)
    if cfg.d_scale != 1:
        d_loss = cfg.d_scale * d_loss
    if cfg.d_auxiliary:
        q_loss = q_real + q_fake if cfg.auxiliary_images == "both" else q_real
        d_loss = d_loss + cfg.d_auxiliary * q_loss
    if cfg.penalty:
        d_loss = d_loss + cfg.penalty.penalty(discriminator, real, fake, labels, cfg.penalty)
    if cfg.d_l2:
        d_loss = d_loss + cfg.d_l2 * squared_weights(discriminator)
    log["d_loss"] = d_loss.detach()
    if cfg.d_auxiliary:
        log["q_loss"] = q_loss.detach()
    if cfg.real_sign:
        log["real_accuracy"], log["fake_accuracy"] = measure_accuracy(real_scores, fake_scores, cfg)
    if cfg.skips:
        log["g_loss"] = cfg.loss.generator_loss(fake_scores.detach(), cfg.loss)
    if cfg.skip_discriminator:
        if not cfg.skip_discriminator(log["d_loss"], log["g_loss"]):
            update(optimizer, d_loss, cfg)
    else:
        update(optimizer, d_loss, cfg)
    if cfg.gradients:
        log["d_gradient"] = gradient_norm(discriminator)
    if cfg.clip:
        clip_weights(discriminator, cfg.clip)


def train_discriminator_apart(discriminator, optimizer, real, labels, fake, fake_labels, log, cfg):
    """Update the discriminator on real and on generated images in turn. Fill `log`."""
    # D: maximise {cfg.loss.d_goal}, one term after the other
    for images in cfg.apart:
        if images == "real":
            real_scores = discriminator(real, labels) if cfg.d_conditional else discriminator(real)
            d_real = cfg.loss.real_loss(real_scores, cfg.loss)
            if cfg.d_scale != 1:
                d_real = cfg.d_scale * d_real
            update(optimizer, d_real, cfg)
        else:
            fake_scores = (
                discriminator(fake, fake_labels) if cfg.d_conditional else discriminator(fake)
            )
            d_fake = cfg.loss.fake_loss(fake_scores, cfg.loss)
            if cfg.d_scale != 1:
                d_fake = cfg.d_scale * d_fake
            update(optimizer, d_fake, cfg)
        if cfg.clip:
            clip_weights(discriminator, cfg.clip)

    log["d_loss"] = d_real.detach() + d_fake.detach()
    log["d_real"], log["d_fake"] = d_real.detach(), d_fake.detach()
    if cfg.real_sign:
        log["real_accuracy"], log["fake_accuracy"] = measure_accuracy(real_scores, fake_scores, cfg)
    if cfg.gradients:
        log["d_gradient"] = gradient_norm(discriminator)


def train_generator(generator, discriminator, optimizer, images, labels, log, cfg):
    """Update the generator by the scores of `images`. Write its loss into `log`.

    If there are skip rules, `log` keeps the loss that they read.
    """
    discriminator.requires_grad_(False)  # no gradients for its weights
    if cfg.g_auxiliary:
        scores, q_loss = assess(discriminator, images, labels, cfg)
    elif cfg.auxiliary:  # another update has the auxiliary loss
        scores, _ = discriminator(images, labels) if cfg.d_conditional else discriminator(images)
    else:
        scores = discriminator(images, labels) if cfg.d_conditional else discriminator(images)
    g_loss = cfg.loss.generator_loss(scores, cfg.loss)
    if cfg.g_auxiliary:
        g_loss = g_loss + cfg.g_auxiliary * q_loss
    if cfg.g_l2:
        g_loss = g_loss + cfg.g_l2 * squared_weights(generator)
    update(optimizer, g_loss, cfg)
    discriminator.requires_grad_(True)
    if not cfg.skips:
        log["g_loss"] = g_loss.detach()
    if cfg.gradients:
        log["g_gradient"] = gradient_norm(generator)


def joint_weights(networks, cfg):
    """Return the weights that the update by the auxiliary loss changes."""
    return [weight for key in cfg.joint for weight in networks[key].parameters()]


def train_classes(generator, discriminator, optimizer, real, labels, pool, log, cfg):
    """Update once by the auxiliary loss alone. Write this loss into `log`."""
    if cfg.joint_discriminator:
        _, q_real = assess(discriminator, real, labels, cfg)
    if cfg.joint_generator or cfg.auxiliary_images == "both":
        fake_labels = draw_labels(pool, len(real)) if cfg.random_labels else labels
        latent = draw_latent(len(real), real.device, cfg)
        fake = generate(generator, latent, fake_labels, cfg)
        _, q_fake = assess(discriminator, fake, fake_labels, cfg)
        q_loss = q_real + q_fake if cfg.joint_discriminator else q_fake
    else:
        q_loss = q_real
    update(optimizer, q_loss, cfg)
    log[cfg.joint_loss] = q_loss.detach()


def draw_fake(step, generator, real, latent, labels, cfg):
    """Return generated images, detached, or random pixels in a warm-up on pixels."""
    if cfg.warmup_images == "pixels" and step <= cfg.warmup:
        fake = draw_pixels(real, cfg)
    else:
        with torch.no_grad():
            fake = generate(generator, latent, labels, cfg)
    return fake


def train_step(
    step, generator, discriminator, g_optimizer, d_optimizer, q_optimizer, batches, pool, cfg
):
    """Make one iteration of training. Return its losses by name."""
    log = {}
    if cfg.batches == "shared" or cfg.first != "discriminator":
        real, labels = next(batches)
    for updated in cfg.order:
        if updated == "discriminator":
            for _ in range(cfg.discriminator_steps):
                if cfg.batches == "fresh" and cfg.first == "discriminator":
                    real, labels = next(batches)
                if cfg.d_draws:
                    fake_labels = draw_labels(pool, len(real)) if cfg.random_labels else labels
                    latent = draw_latent(len(real), real.device, cfg)
                if cfg.reused != "generated":
                    fake = draw_fake(step, generator, real, latent, fake_labels, cfg)
                else:
                    if cfg.d_draws:  # the generator's update will need the images' gradients
                        images = generate(generator, latent, fake_labels, cfg)
                    fake = images.detach()
                cfg.train_discriminator(
                    discriminator, d_optimizer, real, labels, fake, fake_labels, log, cfg
                )
            if cfg.warmup and step <= cfg.warmup:  # the generator is not trained yet
                return log
        elif updated == "generator":
            if not (cfg.skip_generator and cfg.skip_generator(log["d_loss"], log["g_loss"])):
                # G: maximise {cfg.loss.g_goal}
                for _ in range(cfg.generator_steps):
                    if cfg.g_draws:
                        latent = draw_latent(cfg.generator_batch or len(real), real.device, cfg)
                    if cfg.random_labels and cfg.g_draws_images:
                        fake_labels = draw_labels(pool, cfg.generator_batch or len(real))
                    elif cfg.generator_first:
                        fake_labels = labels
                    if cfg.g_draws_images:
                        images = generate(generator, latent, fake_labels, cfg)
                    train_generator(
                        generator, discriminator, g_optimizer, images, fake_labels, log, cfg
                    )
        else:
            train_classes(generator, discriminator, q_optimizer, real, labels, pool, log, cfg)
    return log


def update_average(average, generator, cfg, after):
    """Move averaged weights towards those after step `after`; copy the buffers."""
    # a smaller decay at first: else the average would keep the initial weights for long
    decay = min(cfg.average, (1 + after) / (10 + after))
    with torch.no_grad():
        for mean, weight in zip(average.parameters(), generator.parameters(), strict=True):
            mean.lerp_(weight, 1 - decay)
        for mean, buffer in zip(average.buffers(), generator.buffers(), strict=True):
            mean.copy_(buffer)


def count_steps(images, cfg):
    """Return the number of whole iterations in one pass over the images.

    If one iteration needs more batches than a pass has, return 1.
    """
    if cfg.batches == "fresh" and cfg.discriminator_steps > 1:
        return max(1, count_batches(images, cfg) // cfg.discriminator_steps)
    else:
        return count_batches(images, cfg)
