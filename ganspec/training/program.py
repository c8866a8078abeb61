"""The outer loop of an emitted program. `ganspec train` has its own, which can also resume."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import torch

from ganspec.training.batches import Batches
from ganspec.training.grid import save_grid
from ganspec.training.step import draw_latent, train_step


def train(images, out, epochs, steps, seed, device, cfg):
    """Train on uint8 images, N x C x H x W; samples and weights each epoch."""
    torch.backends.cudnn.deterministic = True  # one seed, one result, on a GPU too
    torch.manual_seed(seed)
    generator = cfg.generator().to(device)
    discriminator = cfg.discriminator().to(device)
    g_optimizer = cfg.g_optimizer(generator.parameters())
    d_optimizer = cfg.d_optimizer(discriminator.parameters())
    fixed = draw_latent(64, device, cfg)
    batches = Batches(images.to(device), seed, cfg)
    if cfg.batches == "fresh" and cfg.discriminator_steps > 1:
        epoch = max(1, len(batches) // cfg.discriminator_steps)
    else:
        epoch = len(batches)
    last = steps or epochs * epoch

    networks = {"generator": generator, "discriminator": discriminator}
    out.mkdir(parents=True, exist_ok=True)
    started = time.perf_counter()
    for step in range(1, last + 1):
        d_loss, g_loss = train_step(
            generator, discriminator, g_optimizer, d_optimizer, batches, cfg
        )
        if step % 50 == 0 or step == last:
            rate = step / (time.perf_counter() - started)
            losses = f"d_loss {d_loss.item():.4f}  g_loss {g_loss.item():.4f}"
            print(f"step {step}/{last}  {losses}  {rate:.3g} steps/s")
        if step % epoch == 0 or step == last:
            generator.eval()
            with torch.no_grad():
                save_grid(generator(fixed), out / f"samples_{step:07d}.png", 8, cfg)
            generator.train()
            weights = {name: network.state_dict() for name, network in networks.items()}
            torch.save(weights, out / "weights.pt")


def main(cfg):
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    if cfg.needs_folder:
        parser.add_argument("--data", type=Path, required=True, help="folder of the images")
    parser.add_argument("--out", type=Path, default=Path("runs") / cfg.name)
    parser.add_argument("--epochs", type=int, default=cfg.epochs)
    parser.add_argument("--steps", type=int, help="stop after so many steps instead")
    parser.add_argument("--seed", type=int, default=cfg.seed)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    args = parser.parse_args()
    if cfg.needs_folder:
        images, _ = cfg.load_images(args.data, cfg.height, cfg.width, cfg.channels)
    else:
        images, _ = cfg.load_images(None, cfg.height, cfg.width, cfg.channels)
    train(images, args.out, args.epochs, args.steps, args.seed, args.device, cfg)
