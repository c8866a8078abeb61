"""Real images in batches."""

from __future__ import annotations

import math

import torch


def scale_pixels(images, cfg):
    """Return uint8 pixels in the range that the networks read."""
    if cfg.low == 0:
        return images.float() / 255
    else:
        return images.float() / 127.5 - 1


class Batches:
    """Draw batches of real images without end, in a new random order each epoch."""

    def __init__(self, images, labels, seed, cfg):
        self.cfg = cfg
        self.images = images  # uint8, on their device
        self.labels = labels
        self.random = torch.Generator().manual_seed(seed)
        self.position = len(self)
        if len(self) == 0:
            raise ValueError(f"{len(images)} images do not fill a batch of {self.cfg.batch}")

    def __len__(self):
        if self.cfg.last_batch == "keep":
            return math.ceil(len(self.images) / self.cfg.batch)
        else:
            return len(self.images) // self.cfg.batch

    def __next__(self):
        if self.position == len(self):
            order = torch.randperm(len(self.images), generator=self.random)
            self.order, self.position = order.to(self.images.device), 0
        chosen = self.order[self.position * self.cfg.batch :][: self.cfg.batch]
        self.position += 1
        images = self.images[chosen]
        labels = self.labels[chosen] if self.cfg.labels else None
        if self.cfg.flip:
            flipped = torch.rand(len(images), 1, 1, 1, device=images.device) < 0.5
            images = torch.where(flipped, images.flip(3), images)
        return scale_pixels(images, self.cfg), labels


def draw_labels(labels, count):
    """Return the labels of `count` random images."""
    return labels[torch.randint(len(labels), (count,), device=labels.device)]


def spaced(length, count):
    """Return `count` of the indices below `length`, evenly spaced."""
    return torch.arange(count) * length // count
