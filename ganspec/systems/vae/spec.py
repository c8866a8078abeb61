"""A variational autoencoder as a system."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Annotated, ClassVar

from pydantic import Field

from ganspec.kinds.criterion import Criterion
from ganspec.kinds.layers.linear import Linear
from ganspec.kinds.optimizer import Optimizer
from ganspec.language.errors import Diagnostic
from ganspec.language.section import Section
from ganspec.language.types import Width
from ganspec.program.ir import Net, start_input
from ganspec.systems.schedule import Schedule
from ganspec.systems.spec import Interface, Network, Spec, image_input
from ganspec.systems.terms import plain, rules, said
from ganspec.systems.training import Start, Training
from ganspec.systems.vae.contract import contract
from ganspec.systems.vae.program import main
from ganspec.systems.vae.settings import settings
from ganspec.systems.vae.training import VaeTraining


class Code(Section):
    """What lies between encoder and decoder; its prior is N(0, 1)."""

    size: Width = Field(description="numbers in one code")


class Evidence(Section):
    """What a variational autoencoder is trained for: the evidence lower bound, negated.

    The loss of an image is the sum over its numbers, and a code's divergence from N(0, 1) the sum
    over the code (Kingma & Welling, 2014, equation 10).
    """

    loss: Criterion = Field(description="of the decoder's outputs against the images")
    kl: Annotated[float, Field(ge=0, allow_inf_nan=False)] = Field(
        1.0, description="weight of the divergence; beta of Higgins et al. (2017)"
    )


class Vae(Spec, system="vae"):
    """A variational autoencoder: an encoder to a distribution of codes, a decoder to images.

    Two linear layers make the mean and the log-variance of a code of what the encoder's layers end
    in. Its spec has `name`, `doc`, `framework`, `report`, `vars`, `data` and `blocks` as a GAN's
    has, and beside them the following.
    """

    networks: ClassVar = ("encoder", "decoder")
    noun: ClassVar = "VAE"
    caption: ClassVar = "What the decoder makes of the run's fixed codes"
    draws: ClassVar = "decoder"
    reads_test: ClassVar = True

    latent: Code
    encoder: Network
    decoder: Network
    objective: Evidence
    optimizer: Optimizer = Field(description="of both networks together")
    train: Schedule = Schedule()

    def interfaces(self) -> dict[str, Interface]:
        size, mark = self.latent.size, self.tree.get("latent").mark
        heads = {
            name: Linear(out=size).place(f"encoder.{name}", mark)
            for name in ("mean", "log_variance")
        }
        code = start_input((int(size),), size, "latent")
        return {
            "encoder": Interface(
                image_input(self), "code", "Image to distribution of codes.", heads
            ),
            "decoder": Interface(code, "image", "Code to image."),
        }

    def contract(self, nets: dict[str, Net]) -> Iterator[Diagnostic]:
        return contract(self, nets)

    def settings(self, nets: dict[str, Net]) -> SimpleNamespace:
        return settings(self)

    def main(self) -> Callable:
        return main

    def training(self, start: Start) -> Training:
        return VaeTraining(self, start)

    def properties(self) -> dict[str, dict[str, str]]:
        return {
            "data": {"latent": f"{self.latent.size:d}, N(0, 1)"},
            "objective": {"loss": f"{said(self.objective.loss)} + KL x {plain(self.objective.kl)}"},
            "training": {"rules": rules(self.train, {}, set())},
        }
