"""Training of one network on pairs of inputs and targets."""

from __future__ import annotations

import torch

from ganspec.systems.feed import Feed
from ganspec.systems.spec import Spec
from ganspec.systems.training import Start, Training


class SingleTraining(Training):
    """A network, its optimizer, and the images that it is tested on."""

    def __init__(self, spec: Spec, start: Start):
        super().__init__(start)
        (self.network,) = self.networks.values()
        self.optimizers = {self.cfg.key: self.cfg.optimizer(self.network.parameters())}
        labels, test = self.targets(spec, start.images.labels), start.images.test
        self.held_out = test and (test[0], self.targets(spec, test[1]))
        self.batches = Feed(start.images.images, labels, self.cfg.seed, self.cfg)

    def targets(self, spec: Spec, labels: torch.Tensor | None) -> torch.Tensor | None:
        """Return `labels` as the criterion reads them; raises DataError where they do not fit."""
        return None

    def advance(self) -> dict[str, torch.Tensor]:
        self.step += 1
        (optimizer,) = self.optimizers.values()
        return self.cfg.train_step(self.network, optimizer, self.batches, self.cfg)
