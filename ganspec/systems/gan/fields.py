"""The fields of a GAN's spec.

They are not in `spec.py`, since it imports the contract, the settings and the training. These
modules need the fields, so imports would be circular.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from ganspec.kinds.loss import Loss
from ganspec.kinds.optimizer import Optimizer
from ganspec.kinds.penalty import Penalty
from ganspec.language.section import Section
from ganspec.language.tree import MapNode, Node
from ganspec.language.types import Number, Positive, Weight, Width, refusal
from ganspec.systems.gan.train import Train
from ganspec.systems.spec import Label, Network, Spec


def _check_bounds(bounds: tuple[float, float]) -> tuple[float, float]:
    if not bounds[0] < bounds[1]:
        shown = f"[{bounds[0]:g}, {bounds[1]:g}]"
        help = "write two bounds, the smaller one first"
        raise refusal("bad-value", f"{shown} is no range", help)
    return bounds


class Latent(Section):
    """The random vectors that the generator reads."""

    size: Width = Field(description="numbers in one latent vector")
    distribution: Literal["normal", "uniform"] = Field(
        "normal", description="distribution of the numbers"
    )
    range: Annotated[tuple[Number, Number], AfterValidator(_check_bounds)] = Field(
        (-1.0, 1.0), description="bounds of `uniform`"
    )


class Decay(Section):
    """Factors of L2 terms; an L2 term is half the sum of a network's squared weights."""

    generator: Weight = Field(0.0, description="factor in the generator's loss")
    discriminator: Weight = Field(0.0, description="factor in the discriminator's loss")


class AuxiliaryLoss(Section):
    """The loss of the discriminator's head `auxiliary`, which both networks minimise.

    It is the cross-entropy of the head's outputs and the labels, or the binary cross-entropy if
    labels are multi-hot.
    """

    discriminator: Weight = Field(1.0, description="weight in the discriminator's loss")
    generator: Weight = Field(1.0, description="weight in the generator's loss")
    images: Literal["real", "both"] = Field(
        "both",
        description="images that the discriminator classifies: `real` ones, or generated ones too",
    )

    @classmethod
    def opened(cls, node: Node) -> Node:
        """Return a map with `node` as both weights if it is a number or a text, else `node`."""
        if node.value is None or isinstance(node.value, (dict, list, bool)):
            return node
        return node.holding(dict.fromkeys(("discriminator", "generator"), node))


class Objective(Section):
    """The objective of both networks."""

    loss: Loss = Field(description="what both networks minimise")
    penalty: Penalty | None = Field(None, description="added to the discriminator's loss")
    auxiliary: AuxiliaryLoss | None = Field(
        None, description="loss of the discriminator's head `auxiliary`; a number is both weights"
    )
    clip: Positive | None = Field(
        None, description="bound c: the discriminator's weights are clipped to [-c, c]"
    )
    scale: Positive = Field(
        1.0,
        description="factor of the discriminator's `loss`, not of added terms; 0.5 for the mean of "
        "its two parts",
    )
    l2: Decay = Field(Decay(), description="L2 terms added to the losses")


class Optimizers(Section):
    """One optimizer for each network, or one that both networks get."""

    generator: Optimizer = Field(description="optimizer of the generator")
    discriminator: Optimizer = Field(description="optimizer of the discriminator")

    @classmethod
    def opened(cls, node: Node) -> Node:
        """Return a map with `node` for each network if it is one optimizer, otherwise `node`."""
        one = isinstance(node.value, str) or (
            isinstance(node, MapNode) and node.value and not set(node.value) & set(cls.model_fields)
        )
        return node.holding(dict.fromkeys(cls.model_fields, node)) if one else node


class GanFields(Spec):
    """The base of `Gan`: the fields that a GAN's spec has besides those of every spec."""

    latent: Latent
    condition: Label | None = Field(None, description="the labels, if a network reads them")
    generator: Network
    discriminator: Network
    objective: Objective
    optimizers: Optimizers
    train: Train = Train()
