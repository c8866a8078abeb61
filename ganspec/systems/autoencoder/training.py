"""Training of an autoencoder."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn

from ganspec.program.ir import Net
from ganspec.systems.autoencoder.grid import save_comparison
from ganspec.systems.autoencoder.step import evaluate
from ganspec.systems.batches import spaced
from ganspec.systems.feed import at
from ganspec.systems.single.training import SingleTraining
from ganspec.systems.spec import Images, Spec


class AutoencoderTraining(SingleTraining):
    """Pictured by what it makes of a few images."""

    def __init__(
        self,
        spec: Spec,
        nets: dict[str, Net],
        networks: dict[str, nn.Module],
        images: Images,
        device: torch.device,
    ):
        super().__init__(spec, nets, networks, images, device)
        source, count = (images.test or (images.images,))[0], self.cfg.columns
        self.fixed = {"images": at(source, spaced(len(source), count))}

    def measures(self) -> dict[str, torch.Tensor]:
        if self.held_out is None:
            return {}
        return evaluate(self.network, self.held_out[0], self.cfg)

    def picture(self, path: Path) -> None:
        """Rows of noisy images, what is made of them, and the clean ones."""
        save_comparison(self.network, self.fixed["images"], path, self.cfg)
