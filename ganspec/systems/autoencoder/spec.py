"""The spec of an autoencoder."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import ClassVar

import torch
from pydantic import Field
from torch import nn

from ganspec.kinds.criterion import Criterion
from ganspec.kinds.optimizer import Optimizer
from ganspec.language.errors import Diagnostic
from ganspec.language.section import Section
from ganspec.language.tree import Node
from ganspec.language.types import Positive
from ganspec.language.unread import known
from ganspec.program.ir import Net
from ganspec.systems.autoencoder import step
from ganspec.systems.autoencoder.training import AutoencoderTraining
from ganspec.systems.schedule import Schedule
from ganspec.systems.single.contract import check_images
from ganspec.systems.single.fields import CriterionObjective, CriterionSpec
from ganspec.systems.single.program import main
from ganspec.systems.single.settings import single_settings
from ganspec.systems.spec import Interface, Network, image_input
from ganspec.systems.terms import plain
from ganspec.systems.training import Start, Training

COLUMNS = 16  # images in a row of a picture


class InputNoise(Section):
    """Gaussian noise on an autoencoder's input, drawn anew for every training batch."""

    std: Positive = Field(description="standard deviation, in the units of `data: {range: ...}`")
    clip: bool = Field(True, description="clip the noisy images to the range of `data`")

    @classmethod
    def opened(cls, node: Node) -> Node:
        """Return the map `{std: node}` if `node` is a number or a text, otherwise `node`."""
        if node.value is None or isinstance(node.value, (dict, list, bool)):
            return node
        return node.holding({"std": node.as_value()})


class Reconstruction(CriterionObjective):
    """The objective of an autoencoder."""

    loss: Criterion = Field(description="loss that compares the outputs with the clean images")
    noise: InputNoise | None = Field(
        None, description="noise on the input, not on the target; a number is `std`"
    )


class Autoencoder(CriterionSpec, system="autoencoder"):
    """An autoencoder, from images to the same images; a denoising one if `noise` is set.

    Its spec has `name`, `doc`, `extends`, `framework`, `report`, `vars`, `data`, `blocks` and
    `evaluate` as a GAN's has, and the following.
    """

    networks: ClassVar = ("autoencoder",)
    noun: ClassVar = "autoencoder"
    caption: ClassVar = "The network's inputs, its outputs and, if there is noise, the originals"
    restores: ClassVar = "autoencoder"
    main: ClassVar = staticmethod(main)

    autoencoder: Network
    objective: Reconstruction
    optimizer: Optimizer = Field(description="optimizer of the autoencoder")
    train: Schedule = Schedule()

    def interfaces(self) -> dict[str, Interface]:
        return {"autoencoder": Interface(image_input(self), "image", "Image to image.")}

    def contract(self, nets: dict[str, Net]) -> Iterator[Diagnostic]:
        shape = self.data.shown_shape
        return check_images(self, "autoencoder", nets, f" of images of {shape}")

    def settings(self, nets: dict[str, Net]) -> SimpleNamespace:
        noise = self.objective.noise
        return single_settings(
            self,
            step,
            absent=("labels", "_labels", "test_labels"),
            labels=None,
            noise=noise.std if noise else None,
            clip_noise=noise.clip if noise else False,
            columns=COLUMNS,
            compare=step.compare,
        )

    def restore(
        self,
        network: nn.Module,
        images: torch.Tensor,
        random: torch.Generator,
        cfg: SimpleNamespace,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        return step.restore(network, images, random, cfg)

    def training(self, start: Start) -> Training:
        return AutoencoderTraining(start)

    def properties(self) -> dict[str, dict[str, str]]:
        properties = super().properties()
        if noise := known(self._noise):
            properties["data"]["input noise"] = noise
        return properties

    def _noise(self) -> str:
        """Return the noise on the inputs in words, `0.3, clipped`; "" if there is none."""
        if (noise := self.objective.noise) is None:
            return ""
        return f"{plain(noise.std)}{', clipped' if noise.clip else ''}"
