"""Training of a GAN: two networks against each other."""

from __future__ import annotations

import copy
from pathlib import Path
from types import SimpleNamespace

import torch

from ganspec.atomic import replacing
from ganspec.systems.draw import draw_latent
from ganspec.systems.feed import Feed
from ganspec.systems.gan.step import count_steps, train_step, update_average
from ganspec.systems.grid import sample_labels, save_grid
from ganspec.systems.labels import fit_labels
from ganspec.systems.spec import Spec
from ganspec.systems.training import Start, Training


class GanTraining(Training):
    """Generator, discriminator and what trains them."""

    def __init__(self, spec: Spec, start: Start):
        super().__init__(start)
        if self.cfg.average:
            self.average = copy.deepcopy(self.networks["generator"])
        self.optimizers = {
            "generator": self.cfg.g_optimizer(self.networks["generator"].parameters()),
            "discriminator": self.cfg.d_optimizer(self.networks["discriminator"].parameters()),
        }
        self.fixed = {"latent": draw_latent(self.cfg.samples, self.device, self.cfg)}
        labels = start.images.labels
        if self.cfg.labels:
            labels = fit_labels(labels, spec.condition, "condition", spec.data.dataset)
            labels = labels.to(self.device)
        if self.cfg.g_conditional:
            self.fixed["labels"] = sample_labels(labels, self.cfg)
        self.pool = labels if self.cfg.fake_labels == "random" else None
        self.batches = Feed(start.images.images, labels, self.cfg.seed, self.cfg)

    @property
    def images_per_step(self) -> int:
        updates = self.cfg.discriminator_steps if self.cfg.batches == "fresh" else 1
        return self.cfg.batch * updates

    @property
    def warmup(self) -> int:
        return self.cfg.warmup or 0

    @property
    def epoch_steps(self) -> int:
        return self.cfg.iterations or count_steps(self.batches.images, self.cfg)

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
            self.pool,
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
