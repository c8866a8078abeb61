"""Training speed against a loop written by hand, as a ratio: `python benchmarks/training.py`.

The hand-written loop is the usual one: a DataLoader with two workers, fakes with a graph that is
then detached, a discriminator that is not frozen in the generator's step. Both train the same
networks on the same kind of images, by turns in one process; the ratio is of the medians.
"""

from __future__ import annotations

import argparse
import statistics
import time
from pathlib import Path

import torch
from torch.utils.data import DataLoader, Dataset

import ganspec
from ganspec.systems.draw import draw_latent
from ganspec.systems.training import Images, Training
from ganspec.training.device import prepare

# those whose training is what a tutorial's loop does
NAMES = ("dcgan", "dcgan_fashion", "wgan_gp")
SPECS = [Path(__file__).parent.parent / "specs" / f"{name}.yaml" for name in NAMES]
CPU = torch.device("cpu")


class Samples(Dataset):
    """One image at a time, scaled as torchvision's transforms do."""

    def __init__(self, images: torch.Tensor):
        self.images = images

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> torch.Tensor:
        return (self.images[index].float() / 255 - 0.5) / 0.5


class HandWritten:
    """The loop of a tutorial, with the spec's networks, losses and optimizers."""

    def __init__(self, trainer: Training, images: torch.Tensor):
        self.cfg, self.networks = trainer.cfg, trainer.networks
        self.optimizers = trainer.optimizers
        self.loader = DataLoader(
            Samples(images), trainer.cfg.batch, shuffle=True, num_workers=2, drop_last=True
        )
        self.iterator = iter(self.loader)

    def batch(self) -> torch.Tensor:
        try:
            return next(self.iterator)
        except StopIteration:
            self.iterator = iter(self.loader)
            return next(self.iterator)

    def advance(self) -> None:
        generator, discriminator = self.networks["generator"], self.networks["discriminator"]
        for _ in range(self.cfg.discriminator_steps):
            real = self.batch()
            fake = generator(draw_latent(len(real), CPU, self.cfg))
            scores = discriminator(real), discriminator(fake.detach())
            d_loss = self.cfg.loss.real_loss(scores[0], self.cfg.loss)
            d_loss = d_loss + self.cfg.loss.fake_loss(scores[1], self.cfg.loss)
            if self.cfg.penalty:
                own = self.cfg.penalty
                penalty = own.penalty(discriminator, real, fake.detach(), None, own)
                d_loss = d_loss + penalty
            self.optimizers["discriminator"].zero_grad()
            d_loss.backward()
            self.optimizers["discriminator"].step()
        fake = generator(draw_latent(len(real), CPU, self.cfg))
        g_loss = self.cfg.loss.generator_loss(discriminator(fake), self.cfg.loss)
        self.optimizers["generator"].zero_grad()
        g_loss.backward()
        self.optimizers["generator"].step()
        d_loss.item(), g_loss.item()


def seconds(advance, steps: int) -> float:
    started = time.perf_counter()
    for _ in range(steps):
        advance()
    return (time.perf_counter() - started) / steps


def compare(path: Path, batch: int, rounds: int, steps: int) -> tuple[float, float]:
    """Median seconds a step of ours and of the hand-written loop."""
    spec = ganspec.load(path, [f"train.batch={batch}"])
    images = torch.randint(0, 256, (1024, *spec.data.shape), dtype=torch.uint8)
    ours, exact = (
        ganspec.Trainer(spec, Images(images, None), "cpu", exact).training
        for exact in (False, True)
    )
    theirs = HandWritten(exact, images)
    times: list[tuple[float, float]] = []
    for _ in range(rounds + 1):
        times.append((seconds(ours.advance, steps), seconds(theirs.advance, steps)))
    return tuple(statistics.median(column) for column in zip(*times[1:], strict=True))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("specs", nargs="*", type=Path, default=SPECS)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=3)
    args = parser.parse_args()
    prepare(CPU)  # the memory setting serves both loops
    print(f"batch {args.batch}, {torch.get_num_threads()} threads; hand-written / ganspec")
    for path in args.specs:
        ours, theirs = compare(path, args.batch, args.rounds, args.steps)
        print(
            f"{path.stem:16}  ours {1000 * ours:7.0f} ms  by hand {1000 * theirs:7.0f} ms  "
            f"ratio {theirs / ours:.2f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
