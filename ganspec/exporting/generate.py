"""The program that draws a grid of images, for the folder of `ganspec export --format python`."""

from __future__ import annotations

import argparse
from pathlib import Path


def main(cfg):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=64)
    parser.add_argument("--seed", type=int, default=0)
    if cfg.labels:
        known = range(cfg.label_size)
    if cfg.labels == "classes":
        parser.add_argument("--label", type=int, nargs="+", choices=known, default=known)
    if cfg.labels == "multi_hot":
        parser.add_argument("--label", type=int, nargs="+", choices=known, help="all in each image")
    parser.add_argument("--out", type=Path, default=Path("images.png"))
    args = parser.parse_args()
    if args.count < 1 or args.out.suffix != ".png" or not args.out.parent.is_dir():
        parser.error("--count is 1 or more, --out a .png file in an existing folder")
    if cfg.labels:
        images = cfg.sample(cfg.load_network(), args.count, args.seed, args.label)
    else:
        images = cfg.sample(cfg.load_network(), args.count, args.seed)
    cfg.save_grid(images, args.out)
