"""The training of an autoencoder."""

from __future__ import annotations

from pathlib import Path

import torch

from ganspec.atomic import replacing
from ganspec.systems.autoencoder.step import compare, evaluate
from ganspec.systems.batches import spaced
from ganspec.systems.feed import at
from ganspec.systems.grid import save_grid
from ganspec.systems.single.training import SingleTraining
from ganspec.systems.training import Start


class AutoencoderTraining(SingleTraining):
    """The training of an autoencoder, with pictures of restored images."""

    def __init__(self, start: Start):
        super().__init__(start)
        self.test_images = start.images.test[0] if start.images.test else None
        source = start.images.images if self.test_images is None else self.test_images
        self.fixed = {"images": at(source, spaced(len(source), self.cfg.columns))}

    def measures(self) -> dict[str, torch.Tensor]:
        if self.test_images is None:
            return {}
        return evaluate(self.network, self.test_images, self.cfg)

    def picture(self, path: Path) -> None:
        """Write a grid with a row of inputs, a row of outputs and, with noise, one of originals."""
        images = compare(self.network, self.fixed["images"], self.cfg)
        with replacing(path) as temporary:
            save_grid(images, temporary, self.cfg.columns, self.cfg)
