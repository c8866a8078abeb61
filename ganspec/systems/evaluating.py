"""Networks in evaluation mode, for images that are not trained on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn


@contextmanager
def evaluating(network: nn.Module) -> Iterator[None]:
    """Keep `network` in evaluation mode within the block, and compute no gradients.

    After the block, also after an error in it, the network has the mode that it had before.
    """
    mode = network.training
    network.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        network.train(mode)
