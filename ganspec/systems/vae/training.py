"""Training of a variational autoencoder."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn

from ganspec.atomic import replacing
from ganspec.program.ir import Net
from ganspec.systems.draw import draw_latent
from ganspec.systems.feed import Feed
from ganspec.systems.grid import save_grid
from ganspec.systems.spec import Images, Spec
from ganspec.systems.training import Training
from ganspec.systems.vae.step import decode, evaluate, train_step


class VaeTraining(Training):
    """Encoder and decoder under one optimizer, pictured by what fixed codes become."""

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
        weights = [weight for network in networks.values() for weight in network.parameters()]
        self.optimizers = {"both": self.cfg.optimizer(weights)}
        self.fixed = {"latent": draw_latent(self.cfg.samples, device, self.cfg)}
        self.test_images = images.test[0] if images.test else None
        self.batches = Feed(images.images, None, self.cfg.seed, self.cfg)

    def advance(self) -> dict[str, torch.Tensor]:
        self.step += 1
        optimizer = self.optimizers["both"]
        return train_step(*self.networks.values(), optimizer, self.batches, self.cfg)

    def measures(self) -> dict[str, torch.Tensor]:
        if self.test_images is None:
            return {}
        return evaluate(*self.networks.values(), self.test_images, self.cfg)

    def picture(self, path: Path) -> None:
        """Write a grid of what the decoder makes of the fixed codes."""
        images = decode(self.networks["decoder"], self.fixed["latent"], self.cfg)
        with replacing(path) as temporary:
            save_grid(images, temporary, self.cfg.columns, self.cfg)
