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

    `images` are uint8, N x C x H x W. Images that do not fit in one row continue in further groups
    of rows. The file is written atomically.
    """
    parts: list[torch.Tensor] = []
    for part in images.split(cfg.columns):
        rows = compare(autoencoder, part, cfg).unflatten(0, (-1, len(part)))
        lacking = cfg.columns - len(part) if parts else 0
        white = rows.new_ones(len(rows), lacking, *rows.shape[2:])
        parts.append(torch.cat([rows, white], 1).flatten(0, 1))
    with replacing(path) as temporary:
        save_grid(torch.cat(parts), temporary, min(cfg.columns, len(images)), cfg)
