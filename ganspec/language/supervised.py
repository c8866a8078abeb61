"""The models of what is trained beside GANs: a classifier, or an autoencoder, alone."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from ganspec.criteria.criterion import Criterion
from ganspec.language.schedule import Schedule
from ganspec.language.section import Section
from ganspec.language.system import Label, Network, System
from ganspec.language.tree import Node
from ganspec.language.types import Positive
from ganspec.optimizers.optimizer import Optimizer


class Prediction(Section):
    """What a classifier is trained for."""

    loss: Criterion = Field(description="of its outputs against the labels")


class Noise(Section):
    """Gaussian noise on an autoencoder's input, drawn anew for every batch."""

    std: Positive = Field(description="its standard deviation, in units of the images' range")
    clip: bool = Field(True, description="keep the noisy images within the images' range")

    @classmethod
    def opened(cls, node: Node) -> Node:
        """A number alone is `std`."""
        if node.value is None or isinstance(node.value, (dict, list, bool)):
            return node
        return node.holding({"std": Node(node.value, node.mark, node.mark)})


class Reconstruction(Section):
    """What an autoencoder is trained for."""

    loss: Criterion = Field(description="of its outputs against the clean images")
    noise: Noise | None = Field(
        None, description="what the input has and the target has not; a number is `std`"
    )


class Supervised(System):
    """One network that is trained on pairs of inputs and targets."""


class Classifier(Supervised):
    """A classifier, from images to the logits or probabilities of their labels.

    Its spec has `name`, `doc`, `framework`, `report`, `vars`, `data` and `blocks` as a GAN's has,
    and beside them the following. Of multi-hot labels the accuracy is the share of all labels that
    stand among their image's highest outputs, as many outputs as the image has labels.
    """

    networks: ClassVar = ("classifier",)

    label: Label = Field(description="what each image is labelled with")
    classifier: Network
    objective: Prediction
    optimizer: Optimizer = Field(description="the classifier's")
    train: Schedule = Schedule()


class Autoencoder(Supervised):
    """An autoencoder, from images to the same images; denoising where noise is added.

    Its spec has `name`, `doc`, `framework`, `report`, `vars`, `data` and `blocks` as a GAN's has,
    and beside them the following.
    """

    networks: ClassVar = ("autoencoder",)

    autoencoder: Network
    objective: Reconstruction
    optimizer: Optimizer = Field(description="the autoencoder's")
    train: Schedule = Schedule()
