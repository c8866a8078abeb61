"""The usual GAN loss, with binary cross-entropy."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

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
    """Return the loss of D on real images: minimising it maximises log D(x)."""
    if cfg.real_target == 1:
        return cross_entropy(scores, torch.ones_like(scores), cfg)
    else:
        return cross_entropy(scores, torch.full_like(scores, cfg.real_target), cfg)


def fake_loss(scores, cfg):
    """Return the loss of D on G(z): minimising it maximises log(1 - D(G(z)))."""
    if cfg.fake_target == 0:
        return cross_entropy(scores, torch.zeros_like(scores), cfg)
    else:
        return cross_entropy(scores, torch.full_like(scores, cfg.fake_target), cfg)


def generator_loss(scores, cfg):
    """Return the loss of G: minimising it maximises log D(G(z))."""
    if cfg.generator_target == 1:
        return cross_entropy(scores, torch.ones_like(scores), cfg)
    else:
        return cross_entropy(scores, torch.full_like(scores, cfg.generator_target), cfg)


Epsilon = Annotated[float, Field(ge=0, lt=1)]
EPSILON = "number added to probabilities before the logarithm, so that no loss is infinite"


def check_fields(eps: float, reads: str, **targets: float) -> None:
    """Refuse an `eps` that a loss of logits would ignore, and targets that torch refuses."""
    if eps and reads == "logits":
        message = "`eps` is added to probabilities, and the loss reads logits"
        raise refusal("bad-value", message, "write `reads: probabilities`, or remove `eps`")
    for name, target in targets.items():
        if reads == "probabilities" and not eps and not 0 <= target <= 1:
            message = f"`{name}` is the target of a probability, from 0 to 1, got `{target:g}`"
            help = "write a target from 0 to 1, or remove `reads: probabilities`"
            raise refusal("out-of-range", message, help)


class NonSaturating(Loss, kind="non_saturating"):
    """Binary cross-entropy with the non-saturating generator (Goodfellow et al., 2014, section 3).

    `real_target: 0.9` is one-sided label smoothing; `reads: probabilities` is for a discriminator
    that ends in a sigmoid.
    """

    real_loss: ClassVar = staticmethod(real_loss)
    fake_loss: ClassVar = staticmethod(fake_loss)
    generator_loss: ClassVar = staticmethod(generator_loss)

    reads: Literal["logits", "probabilities"] = Field(
        "logits", description="form of the discriminator's scores: `probabilities` after a sigmoid"
    )
    real_target: Number = Field(1.0, description="target of scores of real images")
    fake_target: Number = Field(0.0, description="target of scores of generated images")
    generator_target: Number = Field(1.0, description="target in the generator's loss")
    eps: Epsilon = Field(0.0, description=EPSILON)

    @model_validator(mode="after")
    def _check_fields(self) -> NonSaturating:
        targets = {"real_target": self.real_target, "fake_target": self.fake_target}
        targets["generator_target"] = self.generator_target
        check_fields(self.eps, self.reads, **targets)
        return self

    @property
    def scores(self) -> str:
        return self.reads

    @property
    def goals(self) -> tuple[str, str]:
        return "log D(x) + log(1 - D(G(z)))", "log D(G(z))"
