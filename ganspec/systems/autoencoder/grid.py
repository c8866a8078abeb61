"""Grids of images and their restorations."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import torch
from torch import nn

from ganspec.atomic import replacing
from ganspec.systems.autoencoder.step import compare
from ganspec.systems.grid import save_grid


def save_comparison(
    autoencoder: nn.Module, images: torch.Tensor, path: Path, cfg: SimpleNamespace
) -> None:
    """Write a grid: inputs, below them their restorations and, with noise, the clean images.

    `images` are uint8, N x C x H x W, one row. The file is written atomically.
    """
    with replacing(path) as temporary:
        save_grid(compare(autoencoder, images, cfg), temporary, len(images), cfg)
