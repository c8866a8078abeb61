"""The usual GAN loss, with binary cross-entropy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, Self

import torch
import torch.nn.functional as F
from pydantic import Field, model_validator

from ganspec.kinds.loss import Loss
from ganspec.language.types import Number, refusal


def cross_entropy(scores, targets, cfg):
    """Return the mean binary cross-entropy between scores and targets."""
    if cfg.eps:
        real, fake = torch.log(scores + cfg.eps), torch.log(1 - scores + cfg.eps)
        return -(targets * real + (1 - targets) * fake).mean()
    elif cfg.reads == "logits":
        return F.binary_cross_entropy_with_logits(scores, targets)
    else:
        return F.binary_cross_entropy(scores, targets)


def real_loss(scores, cfg):
    """Return the mean cross-entropy of scores of real images with their target."""
    if cfg.real_target == 1:
        return cross_entropy(scores, torch.ones_like(scores), cfg)
    else:
        return cross_entropy(scores, torch.full_like(scores, cfg.real_target), cfg)


def fake_loss(scores, cfg):
    """Return the mean cross-entropy of scores of generated images with their target."""
    if cfg.fake_target == 0:
        return cross_entropy(scores, torch.zeros_like(scores), cfg)
    else:
        return cross_entropy(scores, torch.full_like(scores, cfg.fake_target), cfg)


def generator_loss(scores, cfg):
    """Return the mean cross-entropy of scores of generated images with G's target."""
    if cfg.generator_target == 1:
        return cross_entropy(scores, torch.ones_like(scores), cfg)
    else:
        return cross_entropy(scores, torch.full_like(scores, cfg.generator_target), cfg)


def likelihood(image: str, target: float) -> str:
    """Return what D or G maximises for the scores of `image` with a target: `log D(x)` for 1."""
    known = {1.0: f"log D({image})", 0.0: f"log(1 - D({image}))"}
    return known.get(target, f"-BCE(D({image}), {target:g})")


Epsilon = Annotated[float, Field(ge=0, lt=1)]
EPSILON = "number added to probabilities before the logarithm, so that no loss is infinite"


class CrossEntropyLoss(Loss):
    """Base class of losses in which the discriminator minimises the binary cross-entropy."""

    real_loss: ClassVar = staticmethod(real_loss)
    fake_loss: ClassVar = staticmethod(fake_loss)

    reads: Literal["logits", "probabilities"] = Field(
        "logits", description="form of the discriminator's scores: `probabilities` after a sigmoid"
    )
    real_target: Number = Field(1.0, description="target of scores of real images")
    fake_target: Number = Field(0.0, description="target of scores of generated images")

    if TYPE_CHECKING:
        eps: Epsilon  # each kind declares it, so that it is the last of the kind's fields

    @model_validator(mode="after")
    def _check_fields(self) -> Self:
        """Refuse `eps` for logits, and targets of probabilities that torch refuses."""
        if self.eps and self.reads == "logits":
            message = "`eps` is added to probabilities, and the loss reads logits"
            raise refusal("bad-value", message, "write `reads: probabilities`, or remove `eps`")
        targets = {n: getattr(self, n) for n in type(self).model_fields if n.endswith("_target")}
        for name, target in targets.items():
            if self.reads == "probabilities" and not self.eps and not 0 <= target <= 1:
                message = f"`{name}` is the target of a probability, from 0 to 1, got `{target:g}`"
                help = "write a target from 0 to 1, or remove `reads: probabilities`"
                raise refusal("out-of-range", message, help)
        return self

    @property
    def scores(self) -> str:
        return self.reads

    @property
    def d_goal(self) -> str:
        """The objective that the discriminator maximises."""
        terms = [likelihood("x", self.real_target), likelihood("G(z)", self.fake_target)]
        return " + ".join(terms).replace("+ -", "- ")


class NonSaturating(CrossEntropyLoss, kind="non_saturating"):
    """Binary cross-entropy with the non-saturating generator (Goodfellow et al., 2014, section 3).

    `real_target: 0.9` is one-sided label smoothing.
    """

    generator_loss: ClassVar = staticmethod(generator_loss)

    generator_target: Number = Field(1.0, description="target in the generator's loss")
    eps: Epsilon = Field(0.0, description=EPSILON)

    @property
    def goals(self) -> tuple[str, str]:
        return self.d_goal, likelihood("G(z)", self.generator_target)
