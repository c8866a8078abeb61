"""The spec of a variational autoencoder."""

from __future__ import annotations

import math
from collections.abc import Iterator
from types import SimpleNamespace
from typing import ClassVar

from pydantic import Field

from ganspec.kinds.criterion import Criterion
from ganspec.kinds.layer import Layer
from ganspec.kinds.layers.linear import Linear
from ganspec.kinds.optimizer import Optimizer
from ganspec.language.errors import Diagnostic
from ganspec.language.section import Section
from ganspec.language.tree import find
from ganspec.language.types import Weight, Width
from ganspec.language.unread import known
from ganspec.program.ir import Net
from ganspec.systems.grid import COLUMNS, SAMPLES
from ganspec.systems.schedule import Schedule
from ganspec.systems.single.contract import check_images
from ganspec.systems.single.fields import CriterionObjective, CriterionSpec
from ganspec.systems.single.program import main
from ganspec.systems.single.settings import criterion_settings
from ganspec.systems.spec import Interface, Network, image_input, latent_input
from ganspec.systems.terms import plain
from ganspec.systems.training import Start, Training
from ganspec.systems.vae.program import train
from ganspec.systems.vae.training import VaeTraining


class Code(Section):
    """The codes: vectors that the decoder reads; their prior is N(0, 1)."""

    size: Width = Field(description="numbers in one code")


class Evidence(CriterionObjective):
    """The objective of a variational autoencoder: the evidence lower bound, negated.

    An image's loss is summed over all its numbers, and its code's divergence from N(0, 1) over the
    numbers of the code (Kingma & Welling, 2014, equation 10).
    """

    loss: Criterion = Field(description="loss that compares the decoder's outputs with the images")
    kl: Weight = Field(1.0, description="weight of the divergence: beta in Higgins et al. (2017)")


class Vae(CriterionSpec, system="vae"):
    """A variational autoencoder: an encoder to a distribution of codes, a decoder to images.

    Two linear layers turn the last value of the encoder into the mean and the log-variance of a
    code. Its spec has `name`, `doc`, `extends`, `framework`, `report`, `vars`, `data`, `blocks` and
    `evaluate` as a GAN's has, and the following.
    """

    networks: ClassVar = ("encoder", "decoder")
    noun: ClassVar = "VAE"
    caption: ClassVar = "The decoder's images of the run's fixed codes"
    draws: ClassVar = "decoder"
    main: ClassVar = staticmethod(main)

    latent: Code
    encoder: Network
    decoder: Network
    objective: Evidence
    optimizer: Optimizer = Field(description="optimizer of both networks")
    train: Schedule = Schedule()

    def interfaces(self) -> dict[str, Interface]:
        mark = find(self.tree, ("latent",)).mark
        heads: dict[str, Layer] = {
            name: Linear(out=self.latent.size).place(f"encoder.{name}", mark)
            for name in ("mean", "log_variance")
        }
        doc = "Image to distribution of codes."
        return {
            "encoder": Interface(image_input(self), "code", doc, heads),
            "decoder": Interface(latent_input(self.latent.size), "image", "Code to image."),
        }

    def contract(self, nets: dict[str, Net]) -> Iterator[Diagnostic]:
        shape = self.data.shown_shape
        return check_images(self, "decoder", nets, f", the images are {shape}")

    def settings(self, nets: dict[str, Net]) -> SimpleNamespace:
        logits = self.objective.loss.outputs == "logits"
        return SimpleNamespace(
            **{**criterion_settings(self, ("labels", "_labels", "test_labels")), "logits": logits},
            train=train,
            numbers=math.prod(self.data.shape),
            kl=self.objective.kl,
            latent_size=int(self.latent.size),
            latent_distribution="normal",
            labels=None,
            samples=SAMPLES,
            columns=COLUMNS,
        )

    def training(self, start: Start) -> Training:
        return VaeTraining(start)

    def properties(self) -> dict[str, dict[str, str]]:
        properties = super().properties()
        properties["data"]["latent"] = known(lambda: f"{self.latent.size:d}, N(0, 1)")
        loss = f"{properties['objective']['loss']} + KL x "
        properties["objective"]["loss"] = known(lambda: loss + plain(self.objective.kl))
        return properties
