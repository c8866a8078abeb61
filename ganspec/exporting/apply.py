"""The program that applies an exported network to images, for `ganspec export --format python`."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from ganspec.exporting.sampling import load_network
from ganspec.systems.batches import scale_pixels
from ganspec.systems.grid import save_grid


def read_images(paths, cfg):
    """Return the images in files, resized for the network, as uint8 N x C x H x W."""
    size = (cfg.width, cfg.height)
    read = [
        Image.open(path).convert(cfg.mode).resize(size, Image.Resampling.BILINEAR) for path in paths
    ]
    images = torch.stack([torch.from_numpy(np.array(image)) for image in read])
    images = images.view(-1, cfg.height, cfg.width, cfg.channels).permute(0, 3, 1, 2)
    if cfg.transpose:
        images = images.mT  # in training, too, rows become columns
    return images


def main(cfg):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("images", type=Path, nargs="+")
    if cfg.labels:
        known = range(cfg.label_size)
        parser.add_argument("--label", type=int, nargs="+", required=True, choices=known)
    if cfg.restores:
        parser.add_argument("--out", type=Path, default=Path("images.png"))
    args = parser.parse_args()
    network = load_network(cfg)
    if cfg.labels == "classes" and len(args.label) not in (1, len(args.images)):
        parser.error("--label names one class for all images, or one for each")
    if cfg.restores and (args.out.suffix != ".png" or not args.out.parent.is_dir()):
        parser.error("--out is a .png file in an existing folder")
    try:
        images = scale_pixels(read_images(args.images, cfg), cfg)
    except OSError as error:
        parser.error(str(error))
    if cfg.labels == "classes":
        labels = torch.tensor([*args.label]).expand(len(images))
    if cfg.labels == "multi_hot":
        labels = torch.eye(cfg.label_size)[args.label].amax(0).expand(len(images), -1)
    with torch.no_grad():
        outputs = network(images, labels) if cfg.labels else network(images)
    if cfg.restores:
        if cfg.logits:
            outputs = outputs.sigmoid()
        save_grid(outputs, args.out, cfg.columns, cfg)
    else:
        if cfg.several:
            outputs = torch.cat([output.flatten(1) for output in outputs], 1)
        for path, numbers in zip(args.images, outputs.flatten(1).tolist(), strict=True):
            print(path, *(f"{number:.4g}" for number in numbers))
