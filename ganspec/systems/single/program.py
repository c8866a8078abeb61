"""The emitted program of systems with one criterion; `train` is for those of one network."""

from __future__ import annotations

import time

import torch

from ganspec.systems.arguments import parse_arguments
from ganspec.systems.batches import count_batches, draw_batches, spaced
from ganspec.systems.grid import save_grid


def train(images, labels, test_images, test_labels, args, cfg):
    """Train on uint8 images, N x C x H x W, and write weights and any pictures."""
    torch.backends.cudnn.deterministic = True  # one seed, one result, on a GPU too
    torch.manual_seed(args.seed)
    network = cfg.network().to(args.device)
    optimizer = cfg.optimizer(network.parameters())
    images = images.to(args.device)
    if cfg.held_out:
        test_images = test_images.to(args.device)
    if cfg.labels:
        labels = labels.to(args.device)
        if cfg.held_out:
            test_labels = test_labels.to(args.device)
    if cfg.columns:
        shown = test_images if cfg.held_out else images
        fixed = shown[spaced(len(shown), cfg.columns)]
    batches = draw_batches(images, labels, args.seed, cfg)
    epoch = cfg.iterations or count_batches(images, cfg)
    last = args.epochs * epoch if args.steps is None else args.steps

    args.out.mkdir(parents=True, exist_ok=True)
    started = time.perf_counter()
    for step in range(1, last + 1):
        log = cfg.train_step(network, optimizer, batches, cfg)
        ended = step % epoch == 0 or step == last
        if ended and cfg.held_out:
            if cfg.labels:
                log |= cfg.evaluate(network, test_images, test_labels, cfg)
            else:
                log |= cfg.evaluate(network, test_images, cfg)
        if ended or step % 50 == 0:
            rate = step / (time.perf_counter() - started)
            numbers = "  ".join(f"{k} {v.item():.4f}" for k, v in log.items())
            print(f"step {step}/{last}  {numbers}  {rate:.3g} steps/s")
        if ended:
            if cfg.columns:
                path = args.out / f"samples_{step:07d}.png"
                save_grid(cfg.compare(network, fixed, cfg), path, cfg.columns, cfg)
            torch.save({cfg.key: network.state_dict()}, args.out / "weights.pt")


def main(cfg):
    args = parse_arguments(cfg)

    folder = args.data if cfg.needs_folder else None
    if cfg.labels:
        images, labels = cfg.load_images(folder, cfg.height, cfg.width, cfg.channels)
        if cfg.held_out:
            test_images, test_labels = cfg.load_test_images(
                folder, cfg.height, cfg.width, cfg.channels
            )
        if cfg.labels == "multi_hot":
            labels = labels.float()
            if cfg.held_out:
                test_labels = test_labels.float()
    else:
        images, _ = cfg.load_images(folder, cfg.height, cfg.width, cfg.channels)
        if cfg.held_out:
            test_images, _ = cfg.load_test_images(folder, cfg.height, cfg.width, cfg.channels)
    if cfg.transpose:
        images = images.mT.contiguous()  # rows become columns
        if cfg.held_out:
            test_images = test_images.mT.contiguous()
    cfg.train(images, labels, test_images, test_labels, args, cfg)
