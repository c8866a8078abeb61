"""The spec of a GAN."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from types import SimpleNamespace
from typing import ClassVar

from ganspec.kinds.optimizer import Optimizer
from ganspec.language.errors import Diagnostic
from ganspec.language.expr import Width
from ganspec.program.ir import Input, Net, label_input
from ganspec.systems.gan.contract import contract
from ganspec.systems.gan.fields import GanFields
from ganspec.systems.gan.program import main
from ganspec.systems.gan.settings import settings
from ganspec.systems.gan.training import GanTraining
from ganspec.systems.gan.wording import in_words, properties
from ganspec.systems.passes import BatchFix, Pass, TrainingSize, chosen_passes, number, real_passes
from ganspec.systems.spec import Interface, Label, image_input, latent_input
from ganspec.systems.training import Start, Training


class Gan(GanFields, system="gan"):
    """A whole GAN: data, latent, two networks, objective, optimizers and training."""

    networks: ClassVar = ("generator", "discriminator")
    standard: ClassVar = True
    noun: ClassVar = "GAN"
    caption: ClassVar = "The generator's images of the run's fixed latents"
    draws: ClassVar = "generator"
    judges: ClassVar = "discriminator"
    main: ClassVar = staticmethod(main)
    takes_labels: ClassVar = True

    @property
    def labelled(self) -> Label | None:
        return self.condition

    @property
    def label_input(self) -> Input | None:
        if self.condition is None:
            return None
        size = self.condition.size
        assert isinstance(size, Width)  # pydantic converts the fields of type `Width`
        return label_input(size, self.condition.kind == "classes")

    def interfaces(self) -> dict[str, Interface]:
        latent = latent_input(self.latent.size)
        return {
            "generator": Interface(latent, "image", "Latent vector to image."),
            "discriminator": Interface(image_input(self), "score", "Image to score."),
        }

    def contract(self, nets: dict[str, Net]) -> Iterator[Diagnostic]:
        return contract(self, nets)

    def optimizer_of(self, key: str) -> Optimizer:
        return getattr(self.optimizers, key)

    def settings(self, nets: dict[str, Net]) -> SimpleNamespace:
        return settings(self, nets)

    def passes(self, cfg: SimpleNamespace, size: TrainingSize) -> Iterator[Pass]:
        each = self.train.steps.discriminator if self.train.batches == "fresh" else 1
        yield from real_passes(self.networks, cfg, size.images, each * size.steps)
        if batch := self.train.generator_batch:
            yield from chosen_passes(self.networks, "generator_batch", batch)
        if size.conditions:
            source = f"pictures are drawn from a batch of {number(size.conditions)}"
            fix = BatchFix(otherwise="list more in the file of `train: {conditions: ...}`")
            yield Pass("generator", size.conditions, source, fix, training=False)

    def training(self, start: Start) -> Training:
        return GanTraining(self, start)

    def compared(self, section: str, values: dict[str, object]) -> dict[str, object]:
        if section == "latent" and values["distribution"] != "uniform":
            del values["range"]
        if section == "train":  # rules are compared as `ast` prints them, so spaces do not count
            del values["skip"], values["updates"]
            for name, update in self.train.updates.items():
                values[f"update {name}"] = in_words(update)
            for who, text in self.train.skip:
                values[f"skip_{who}"] = text and ast.unparse(ast.parse(text.strip(), mode="eval"))
        return values

    def properties(self) -> dict[str, dict[str, str]]:
        return properties(self)
