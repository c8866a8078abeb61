"""Real images in batches."""

from __future__ import annotations

import torch


class Batches:
    """Endless batches of real images, in a new random order each epoch.

    Images stay uint8 on their device; a batch is an index, a flip and a change of
    range. What does not fill a batch at an epoch's end is left out.
    """

    def __init__(self, images, seed, cfg):
        self.cfg = cfg
        self.images = images
        self.random = torch.Generator().manual_seed(seed)
        self.position = len(self)
        if len(self) == 0:
            raise ValueError(f"{len(images)} images do not fill a batch of {self.cfg.batch}")

    def __len__(self):
        return len(self.images) // self.cfg.batch

    def __next__(self):
        if self.position == len(self):
            self.order = torch.randperm(len(self.images), generator=self.random)
            self.order = self.order.to(self.images.device)
            self.position = 0
        start = self.position * self.cfg.batch
        self.position += 1
        images = self.images[self.order[start : start + self.cfg.batch]].float()
        if self.cfg.flip:
            flipped = torch.rand(len(images), 1, 1, 1, device=images.device) < 0.5
            images = torch.where(flipped, images.flip(3), images)
        if self.cfg.low == 0:
            return images / 255
        else:
            return images / 127.5 - 1
