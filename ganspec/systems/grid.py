"""Pictures of generated images."""

from __future__ import annotations

import torch
from PIL import Image

from ganspec.systems.batches import draw_labels

CLASS_COLUMNS = 12  # most classes that get a column each in a grid


def sample_labels(labels, cfg):
    """The labels of a grid's images."""
    if cfg.labels == "classes":
        return torch.arange(cfg.samples, device=labels.device) % cfg.label_size
    else:
        return draw_labels(labels, cfg.samples)


def save_grid(images, path, columns, cfg):
    """Write images (n x channels x height x width) as one PNG, row by row, on white."""
    if cfg.low == -1:
        images = images * 0.5 + 0.5
    images = images.clamp(0, 1).mul(255).round().byte().cpu()
    count, channels, height, width = images.shape
    rows = -(-count // columns)
    grid = torch.full((channels, rows * (height + 2) + 2, columns * (width + 2) + 2), 255)
    for i, image in enumerate(images):
        top, left = i // columns * (height + 2) + 2, i % columns * (width + 2) + 2
        grid[:, top : top + height, left : left + width] = image
    pixels = grid.byte().permute(1, 2, 0).squeeze(2).numpy()
    Image.fromarray(pixels).save(path, format="PNG")
