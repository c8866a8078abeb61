"""Training of a GAN: two networks against each other."""

from __future__ import annotations

import copy
from pathlib import Path
from types import SimpleNamespace

import torch

from ganspec.atomic import replacing
from ganspec.compiler.lower import lower
from ganspec.language.spec import Spec
from ganspec.training.config import configure
from ganspec.training.grid import sample_labels, save_grid
from ganspec.training.images import Feed
from ganspec.training.labels import fit_labels
from ganspec.training.step import count_steps, draw_latent, train_step, update_average
from ganspec.training.trainer import Trainer, built


class AdversarialTrainer(Trainer):
    """Generator, discriminator and what trains them.

    `images` are uint8 N x C x H x W; `labels` are int64 N or, 0 and 1, N x classes, and may be
    None where no network reads any.
    """

    def __init__(self, spec: Spec, images, labels, device: torch.device, seed: int):
        self.device, nets = device, lower(spec)
        self.cfg = configure(spec, nets)
        self.networks = built(nets, seed, device)
        if self.cfg.average:
            self.average = copy.deepcopy(self.networks["generator"])
        self.optimizers = {
            "generator": self.cfg.g_optimizer(self.networks["generator"].parameters()),
            "discriminator": self.cfg.d_optimizer(self.networks["discriminator"].parameters()),
        }
        self.fixed = {"latent": draw_latent(self.cfg.samples, device, self.cfg)}
        if self.cfg.labels:
            labels = fit_labels(labels, spec.condition, "condition", spec.data.dataset).to(device)
        if self.cfg.g_conditional:
            self.fixed["labels"] = sample_labels(labels, self.cfg)
        self.batches = Feed(images, labels, seed, self.cfg)

    @property
    def warmup(self) -> int:
        return self.cfg.warmup or 0

    @property
    def epoch_steps(self) -> int:
        return count_steps(self.batches, self.cfg)

    def advance(self) -> dict[str, torch.Tensor]:
        """One iteration; its losses by name, still on the device."""
        self.step += 1
        log = train_step(
            self.step,
            self.networks["generator"],
            self.networks["discriminator"],
            self.optimizers["generator"],
            self.optimizers["discriminator"],
            self.batches,
            self.cfg,
        )
        if self.cfg.average:
            generator = self.networks["generator"]
            update_average(self.average, generator, self.cfg, after=self.step)
        return log

    def picture(self, path: Path) -> None:
        """A grid of what the generator makes of the fixed latents."""
        generator = self.average or self.networks["generator"]
        save_samples(generator, self.fixed, path, self.cfg.columns, self.cfg)


def save_samples(
    generator, inputs: dict[str, torch.Tensor], path: Path, columns: int, cfg: SimpleNamespace
) -> None:
    """A grid of what the generator makes of `inputs`, latents and labels; written atomically."""
    training = generator.training
    generator.eval()
    with torch.no_grad(), replacing(path) as temporary:
        save_grid(generator(*inputs.values()), temporary, columns, cfg)
    generator.train(training)
