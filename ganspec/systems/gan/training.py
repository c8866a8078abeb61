"""The training of a GAN."""

from __future__ import annotations

import copy
from pathlib import Path

import torch

from ganspec.atomic import replacing
from ganspec.systems.draw import draw_latent
from ganspec.systems.evaluating import evaluating
from ganspec.systems.feed import Feed
from ganspec.systems.gan.fields import GanFields
from ganspec.systems.gan.step import count_steps, joint_weights, train_step, update_average
from ganspec.systems.grid import sample_labels, save_grid
from ganspec.systems.labels import fit_labels
from ganspec.systems.training import Start, Training


class GanTraining(Training):
    """The training of a generator and a discriminator, which draws pictures of fixed latents."""

    def __init__(self, spec: GanFields, start: Start):
        super().__init__(start)
        self.generator = self.networks["generator"]
        self.discriminator = self.networks["discriminator"]
        if self.cfg.average:
            self.average = copy.deepcopy(self.generator)
        self.g_optimizer = self.cfg.g_optimizer(self.generator.parameters())
        self.d_optimizer = self.cfg.d_optimizer(self.discriminator.parameters())
        self.optimizers = {"generator": self.g_optimizer, "discriminator": self.d_optimizer}
        self.q_optimizer = None
        if self.cfg.joint:
            weights = joint_weights(self.networks, self.cfg)
            self.q_optimizer = self.optimizers["joint"] = self.cfg.q_optimizer(weights)
        asked = start.images.conditions
        count = self.cfg.samples if asked is None else len(asked)
        self.fixed = {"latent": draw_latent(count, self.device, self.cfg)}
        labels = start.images.labels
        if spec.condition and self.cfg.labels:  # `cfg.labels` is None if nothing reads labels
            dataset, names = spec.data.dataset, start.images.names
            labels = fit_labels(labels, spec.condition, "condition", dataset, names)
            labels = labels.to(self.device)
        if self.cfg.g_conditional:
            self.fixed["labels"] = (
                sample_labels(labels, self.cfg) if asked is None else asked.to(self.device)
            )
        self.pool = labels if self.cfg.random_labels else None
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
        self.step += 1
        networks = self.generator, self.discriminator
        optimizers = self.g_optimizer, self.d_optimizer, self.q_optimizer
        log = train_step(self.step, *networks, *optimizers, self.batches, self.pool, self.cfg)
        self.follow()
        return log

    def follow(self) -> None:
        if self.average:
            update_average(self.average, self.generator, self.cfg, after=self.step)

    def phase(self) -> str:
        return "warm-up" if self.step < self.warmup else ""

    @property
    def is_steady(self) -> bool:
        return not self.cfg.skips

    def picture(self, path: Path) -> None:
        """Write a grid of images of the fixed latents, drawn with averaged weights if any."""
        generator = self.average or self.generator
        with evaluating(generator), replacing(path) as temporary:
            save_grid(generator(*self.fixed.values()), temporary, self.cfg.columns, self.cfg)
