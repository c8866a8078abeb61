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
    """Write what an autoencoder makes of images, a row of each kind below another, atomically.

    More images than a row holds go on in further rows.
    """
    parts = []
    for part in images.split(cfg.columns):
        shown = compare(autoencoder, part, cfg)
        kinds = shown.unflatten(0, (-1, len(part)))
        lacking = cfg.columns - len(part) if parts else 0
        white = kinds.new_ones(len(kinds), lacking, *kinds.shape[2:])
        parts.append(torch.cat([kinds, white], 1).flatten(0, 1))
    with replacing(path) as temporary:
        save_grid(torch.cat(parts), temporary, min(cfg.columns, len(images)), cfg)
