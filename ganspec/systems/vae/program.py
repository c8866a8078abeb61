"""The outer loop of a variational autoencoder's emitted program."""

from __future__ import annotations

import time

import torch

from ganspec.systems.batches import count_batches, draw_batches
from ganspec.systems.draw import draw_latent
from ganspec.systems.grid import save_grid
from ganspec.systems.vae.step import decode, evaluate, train_step


def train(images, labels, test_images, test_labels, args, cfg):
    """Train on uint8 images, N x C x H x W, and write samples and weights."""
    torch.backends.cudnn.deterministic = True  # one seed, one result, on a GPU too
    torch.manual_seed(args.seed)
    encoder = cfg.encoder().to(args.device)
    decoder = cfg.decoder().to(args.device)
    optimizer = cfg.optimizer([*encoder.parameters(), *decoder.parameters()])
    fixed = draw_latent(cfg.samples, args.device, cfg)
    if cfg.held_out:
        test_images = test_images.to(args.device)
    batches = draw_batches(images.to(args.device), labels, args.seed, cfg)
    epoch = cfg.iterations or count_batches(images, cfg)
    last = args.epochs * epoch if args.steps is None else args.steps

    args.out.mkdir(parents=True, exist_ok=True)
    started = time.perf_counter()
    for step in range(1, last + 1):
        log = train_step(encoder, decoder, optimizer, batches, cfg)
        ended = step % epoch == 0 or step == last
        if ended and cfg.held_out:
            log |= evaluate(encoder, decoder, test_images, cfg)
        if ended or step % 50 == 0:
            rate = step / (time.perf_counter() - started)
            numbers = "  ".join(f"{k} {v.item():.4f}" for k, v in log.items())
            print(f"step {step}/{last}  {numbers}  {rate:.3g} steps/s")
        if ended:
            path = args.out / f"samples_{step:07d}.png"
            save_grid(decode(decoder, fixed, cfg), path, cfg.columns, cfg)
            weights = {"encoder": encoder.state_dict(), "decoder": decoder.state_dict()}
            torch.save(weights, args.out / "weights.pt")
