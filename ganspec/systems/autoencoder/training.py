"""Training of an autoencoder."""

from __future__ import annotations

from pathlib import Path

import torch

from ganspec.systems.autoencoder.grid import save_comparison
from ganspec.systems.autoencoder.step import evaluate
from ganspec.systems.batches import spaced
from ganspec.systems.feed import at
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
        """Write a grid of inputs, restored images and, with noise, clean images."""
        save_comparison(self.network, self.fixed["images"], path, self.cfg)
