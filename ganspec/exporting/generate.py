"""The program that draws images by an exported network; its text goes into the folder of Python."""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from safetensors.torch import load_file

from ganspec.systems.draw import draw_latent
from ganspec.systems.grid import save_grid


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
    parser.add_argument("--out", default="images.png")
    args = parser.parse_args()
    if args.count < 1:
        parser.error("--count is 1 or more")
    network = cfg.network().eval()
    weights = Path(cfg.file).with_name(cfg.weights)
    network.load_state_dict(load_file(weights))
    torch.manual_seed(args.seed)
    # a multiple of 32, as torch draws other latents for other counts
    if cfg.own_batch:
        # and whole batches, as an image depends on the others of its batch
        count = args.count + -args.count % cfg.portion
        latents = draw_latent(count + -count % 32, "cpu", cfg)[:count]
    else:
        latents = draw_latent(args.count + -args.count % 32, "cpu", cfg)
    if cfg.labels == "classes":
        labels = torch.tensor(args.label)
    if cfg.labels == "multi_hot":
        labels = torch.eye(cfg.label_size)
        if args.label:
            labels = labels[args.label].amax(0, keepdim=True)
    with torch.no_grad():
        if cfg.labels:
            labels = labels[torch.arange(len(latents)) % len(labels)]
            parts = zip(latents.split(cfg.portion), labels.split(cfg.portion), strict=True)
            images = torch.cat([network(*part) for part in parts])
        else:
            images = torch.cat([network(part) for part in latents.split(cfg.portion)])
    if cfg.logits:
        images = images.sigmoid()
    save_grid(images[: args.count], args.out, cfg.columns, cfg)
