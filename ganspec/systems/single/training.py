"""Training of one network on pairs of inputs and targets."""

from __future__ import annotations

import torch
from torch import nn

from ganspec.program.ir import Net
from ganspec.systems.feed import Feed
from ganspec.systems.spec import Images, Spec
from ganspec.systems.training import Training


class SingleTraining(Training):
    """A network, its optimizer, and the images that it is tested on."""

    def __init__(
        self,
        spec: Spec,
        nets: dict[str, Net],
        networks: dict[str, nn.Module],
        images: Images,
        device: torch.device,
    ):
        self.device, self.networks = device, networks
        self.cfg = spec.settings(nets)
        (self.network,) = networks.values()
        self.optimizers = {self.cfg.key: self.cfg.optimizer(self.network.parameters())}
        self.fixed = {}
        labels = self.targets(spec, images.labels)
        self.held_out = images.test and (images.test[0], self.targets(spec, images.test[1]))
        self.batches = Feed(images.images, labels, self.cfg.seed, self.cfg)

    def targets(self, spec: Spec, labels: torch.Tensor | None) -> torch.Tensor | None:
        """Return `labels` as the criterion reads them; raises DataError where they do not fit."""
        return None

    def advance(self) -> dict[str, torch.Tensor]:
        self.step += 1
        (optimizer,) = self.optimizers.values()
        return self.cfg.train_step(self.network, optimizer, self.batches, self.cfg)
