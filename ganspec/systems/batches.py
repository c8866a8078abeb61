"""Batches of real images; the functions are also emitted."""

from __future__ import annotations

import math

import torch


def scale_pixels(images, cfg):
    """Return uint8 pixels as floats in the range that the networks read."""
    if cfg.low == 0:
        return images.float() / 255
    else:
        return images.float() / 127.5 - 1


def flip_images(images):
    """Return the images, each mirrored left to right with probability 1/2."""
    flipped = torch.rand(len(images), 1, 1, 1, device=images.device) < 0.5
    return torch.where(flipped, images.flip(3), images)


def pick_images(images, chosen, cfg):
    """Return the images at the indices `chosen`, as the networks read them."""
    if cfg.flip:
        return scale_pixels(flip_images(images[chosen]), cfg)
    else:
        return scale_pixels(images[chosen], cfg)


def draw_batches(images, labels, seed, cfg):
    """Yield batches without end, in a new order each pass over the images."""
    random = torch.Generator().manual_seed(seed)
    if cfg.last_batch == "drop" and len(images) < cfg.batch:
        raise ValueError(f"{len(images)} images do not fill a batch of {cfg.batch}")
    while True:
        order = torch.randperm(len(images), generator=random).to(images.device)
        for chosen in (
            order.split(cfg.batch)
            if cfg.last_batch == "keep"
            else order.split(cfg.batch)[: count_batches(images, cfg)]
        ):
            yield pick_images(images, chosen, cfg), labels[chosen] if cfg.labels else labels


def count_batches(images, cfg):
    """Return the number of batches in one pass over the images."""
    if cfg.last_batch == "keep":
        return math.ceil(len(images) / cfg.batch)
    else:
        return len(images) // cfg.batch


def draw_labels(labels, count):
    """Return the labels of `count` images that are chosen at random."""
    return labels[torch.randint(len(labels), (count,), device=labels.device)]


def spaced(length, count):
    """Return evenly spaced indices, from 0 to below `length`."""
    return torch.arange(count) * length // count
