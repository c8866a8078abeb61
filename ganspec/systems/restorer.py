"""A network that restores images, and its inputs and outputs for real images."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from types import SimpleNamespace

import torch
from torch import nn

from ganspec.systems.evaluating import evaluating
from ganspec.systems.spec import Spec


@dataclass(frozen=True)
class Restorer:
    """A network that restores images, with its settings."""

    spec: Spec
    network: nn.Module
    cfg: SimpleNamespace
    device: torch.device

    def pairs(
        self, batches: Iterable[torch.Tensor], seed: int
    ) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """Yield the network's inputs and outputs for each batch of images.

        Batches are uint8 N x C x H x W. Inputs and outputs are float, on the scale of the spec's
        `data: {range: ...}`. `seed` draws the noise on the inputs, if the spec has noise. The
        network runs in evaluation mode.
        """
        random = torch.Generator(self.device).manual_seed(seed)
        for images in batches:
            with evaluating(self.network):
                pair = self.spec.restore(self.network, images.to(self.device), random, self.cfg)
            yield pair
