"""Training of an autoencoder."""

from __future__ import annotations

from pathlib import Path

import torch

from ganspec.systems.autoencoder.grid import save_comparison
from ganspec.systems.autoencoder.step import evaluate
from ganspec.systems.batches import spaced
from ganspec.systems.feed import at
from ganspec.systems.single.training import SingleTraining
from ganspec.systems.spec import Spec
from ganspec.systems.training import Start


class AutoencoderTraining(SingleTraining):
    """Pictured by what it makes of a few images."""

    def __init__(self, spec: Spec, start: Start):
        super().__init__(spec, start)
        source, count = (start.images.test or (start.images.images,))[0], self.cfg.columns
        self.fixed = {"images": at(source, spaced(len(source), count))}

    def measures(self) -> dict[str, torch.Tensor]:
        if self.held_out is None:
            return {}
        return evaluate(self.network, self.held_out[0], self.cfg)

    def picture(self, path: Path) -> None:
        """Rows of noisy images, what is made of them, and the clean ones."""
        save_comparison(self.network, self.fixed["images"], path, self.cfg)
