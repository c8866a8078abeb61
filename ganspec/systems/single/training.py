"""The training of systems of one network."""

from __future__ import annotations

import torch

from ganspec.systems.feed import Feed
from ganspec.systems.training import Start, Training


class SingleTraining(Training):
    """The base of trainings of one network by one optimizer."""

    def __init__(self, start: Start, labels: torch.Tensor | None = None):
        super().__init__(start)
        (self.network,) = self.networks.values()
        self.optimizers = {self.cfg.key: self.cfg.optimizer(self.network.parameters())}
        self.batches = Feed(start.images.images, labels, self.cfg.seed, self.cfg)

    def advance(self) -> dict[str, torch.Tensor]:
        self.step += 1
        return self.cfg.train_step(
            self.network, self.optimizers[self.cfg.key], self.batches, self.cfg
        )
