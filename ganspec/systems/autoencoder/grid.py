"""Pictures of restored images."""

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
    """Write images and an autoencoder's restorations of them, one row below another, atomically.

    `images` are uint8, N x C x H x W; more of them than fit in a row go on in further rows.
    """
    parts: list[torch.Tensor] = []
    for part in images.split(cfg.columns):
        rows = compare(autoencoder, part, cfg).unflatten(0, (-1, len(part)))
        lacking = cfg.columns - len(part) if parts else 0
        white = rows.new_ones(len(rows), lacking, *rows.shape[2:])
        parts.append(torch.cat([rows, white], 1).flatten(0, 1))
    with replacing(path) as temporary:
        save_grid(torch.cat(parts), temporary, min(cfg.columns, len(images)), cfg)
