"""Grids of images as PNG files; the functions are also emitted."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from PIL import Image

from ganspec.systems.batches import draw_labels

SAMPLES, COLUMNS = 64, 8  # images in a grid, and in one of its rows
CLASS_COLUMNS = 12  # most classes for which a grid has one column per class


def sample_labels(labels, cfg):
    """Return labels for a grid: the classes in turn, or those of random images."""
    if cfg.labels == "classes":
        return torch.arange(cfg.samples, device=labels.device) % cfg.label_size
    else:
        return draw_labels(labels, cfg.samples)


# Compression of level 1 takes half the time of the usual 6, and makes files a twentieth larger.
def save_grid(images, path, columns, cfg):
    """Write images, N x C x H x W, as a PNG grid; white tiles fill up its last row."""
    if cfg.low == -1:
        images = (images * 0.5 + 0.5).clamp(0, 1).mul(255).round().byte().cpu()
    else:
        images = images.clamp(0, 1).mul(255).round().byte().cpu()
    tiles = F.pad(images, (2, 0, 2, 0, 0, 0, 0, -len(images) % columns), value=255)
    # axes: rows, height, columns, width, channels
    grid = tiles.unflatten(0, (-1, columns)).permute(0, 3, 1, 4, 2)
    grid = F.pad(grid.flatten(0, 1).flatten(1, 2), (0, 0, 0, 2, 0, 2), value=255)
    Image.fromarray(grid.squeeze(2).numpy()).save(path, "PNG", compress_level=1)
