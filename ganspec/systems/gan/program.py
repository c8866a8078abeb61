"""The outer loop of a GAN's emitted program; `ganspec train` has a loop that can resume."""

from __future__ import annotations

import copy
import time
from pathlib import Path

import torch

from ganspec.kinds.datasets.objects import read_conditions
from ganspec.systems.arguments import parse_arguments
from ganspec.systems.batches import draw_batches
from ganspec.systems.draw import draw_latent
from ganspec.systems.gan.step import count_steps, joint_weights, train_step, update_average
from ganspec.systems.grid import sample_labels, save_grid


def save_samples(generator, fixed, fixed_labels, out, step, cfg):
    """Write a grid of the images that the generator draws from the fixed latents."""
    generator.eval()
    with torch.no_grad():
        samples = generator(fixed, fixed_labels) if cfg.g_conditional else generator(fixed)
    generator.train()
    save_grid(samples, out / f"samples_{step:07d}.png", cfg.columns, cfg)


def train(images, labels, asked, args, cfg):
    """Train on uint8 images, N x C x H x W, and write samples and weights."""
    torch.backends.cudnn.deterministic = True  # one seed, one result, on a GPU too
    torch.manual_seed(args.seed)
    generator = cfg.generator().to(args.device)
    discriminator = cfg.discriminator().to(args.device)
    networks = {"generator": generator, "discriminator": discriminator}
    if cfg.average:
        average = networks["average"] = copy.deepcopy(generator)
    g_optimizer = cfg.g_optimizer(generator.parameters())
    d_optimizer = cfg.d_optimizer(discriminator.parameters())
    q_optimizer = cfg.q_optimizer(joint_weights(networks, cfg)) if cfg.joint else None
    if cfg.conditions:
        fixed_labels = asked
        fixed = draw_latent(len(asked), args.device, cfg)
    else:
        fixed = draw_latent(cfg.samples, args.device, cfg)
        fixed_labels = sample_labels(labels, cfg) if cfg.g_conditional else None
    batches = draw_batches(images.to(args.device), labels, args.seed, cfg)
    epoch = cfg.iterations or count_steps(images, cfg)
    if cfg.warmup:
        last = cfg.warmup + args.epochs * epoch if args.steps is None else args.steps
    else:
        last = args.epochs * epoch if args.steps is None else args.steps

    started = time.perf_counter()
    for step in range(1, last + 1):
        now = step if cfg.warmup else None
        pool = labels if cfg.random_labels else None
        log = train_step(
            now, generator, discriminator, g_optimizer, d_optimizer, q_optimizer, batches, pool, cfg
        )
        if cfg.average:
            update_average(average, generator, cfg, after=step)
        if step % 50 == 0 or step == last:
            rate = step / (time.perf_counter() - started)
            losses = "  ".join(f"{k} {v.item():.4f}" for k, v in log.items())
            print(f"step {step}/{last}  {losses}  {rate:.3g} steps/s")
        if cfg.warmup:
            ended = step > cfg.warmup and (step - cfg.warmup) % epoch == 0
        if (ended if cfg.warmup else step % epoch == 0) or step == last:
            drawing = average if cfg.average else generator
            save_samples(drawing, fixed, fixed_labels, args.out, step, cfg)
            weights = {name: network.state_dict() for name, network in networks.items()}
            torch.save(weights, args.out / "weights.pt")


def main(cfg):
    args = parse_arguments(cfg)
    folder = args.data if cfg.needs_folder else None
    if cfg.labels:
        images, labels = cfg.load_images(folder, cfg.height, cfg.width, cfg.channels)
        if cfg.check_classes and labels.max() >= cfg.label_size:
            raise ValueError(f"{labels.max() + 1} classes, not {cfg.label_size}")
        if cfg.labels == "multi_hot":
            labels = labels.float()
        labels = labels.to(args.device)
    else:
        images, _ = cfg.load_images(folder, cfg.height, cfg.width, cfg.channels)
    if cfg.transpose:
        images = images.mT.contiguous()  # rows become columns
    if cfg.conditions:
        path = args.data / cfg.conditions if cfg.needs_folder else Path(cfg.conditions)
        asked = read_conditions(path).to(args.device)
    else:
        asked = None
    args.out.mkdir(parents=True, exist_ok=True)
    train(images, labels, asked, args, cfg)
