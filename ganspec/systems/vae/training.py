"""The training of a variational autoencoder."""

from __future__ import annotations

from pathlib import Path

import torch

from ganspec.atomic import replacing
from ganspec.systems.draw import draw_latent
from ganspec.systems.feed import Feed
from ganspec.systems.grid import save_grid
from ganspec.systems.training import Start, Training
from ganspec.systems.vae.step import decode, evaluate, train_step


class VaeTraining(Training):
    """The training of an encoder and a decoder by one optimizer, with pictures of fixed codes."""

    def __init__(self, start: Start):
        super().__init__(start)
        self.encoder, self.decoder = self.networks["encoder"], self.networks["decoder"]
        weights = [*self.encoder.parameters(), *self.decoder.parameters()]
        self.optimizers = {"both": self.cfg.optimizer(weights)}
        self.fixed = {"latent": draw_latent(self.cfg.samples, self.device, self.cfg)}
        self.test_images = start.images.test[0] if start.images.test else None
        self.batches = Feed(start.images.images, None, self.cfg.seed, self.cfg)

    def advance(self) -> dict[str, torch.Tensor]:
        self.step += 1
        optimizer = self.optimizers["both"]
        return train_step(self.encoder, self.decoder, optimizer, self.batches, self.cfg)

    def measures(self) -> dict[str, torch.Tensor]:
        if self.test_images is None:
            return {}
        return evaluate(self.encoder, self.decoder, self.test_images, self.cfg)

    def picture(self, path: Path) -> None:
        """Write a grid of the decoder's images for the fixed codes."""
        images = decode(self.decoder, self.fixed["latent"], self.cfg)
        with replacing(path) as temporary:
            save_grid(images, temporary, self.cfg.columns, self.cfg)
