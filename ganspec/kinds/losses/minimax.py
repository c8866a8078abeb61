"""The minimax GAN loss."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field, model_validator

from ganspec.kinds.loss import Loss
from ganspec.kinds.losses.non_saturating import (
    EPSILON,
    Epsilon,
    check_fields,
    fake_loss,
    real_loss,
)
from ganspec.language.types import Number


def generator_loss(scores, cfg):
    """Return the loss of G: minimising it minimises log(1 - D(G(z)))."""
    return -fake_loss(scores, cfg)


class Minimax(Loss, kind="minimax"):
    """Binary cross-entropy as a zero-sum game (Goodfellow et al., 2014, equation 1)."""

    real_loss: ClassVar = staticmethod(real_loss)
    fake_loss: ClassVar = staticmethod(fake_loss)
    generator_loss: ClassVar = staticmethod(generator_loss)

    reads: Literal["logits", "probabilities"] = Field(
        "logits", description="form of the discriminator's scores: `probabilities` after a sigmoid"
    )
    real_target: Number = Field(1.0, description="target of scores of real images")
    fake_target: Number = Field(0.0, description="target of scores of generated images")
    eps: Epsilon = Field(0.0, description=EPSILON)

    @model_validator(mode="after")
    def _check_fields(self) -> Minimax:
        targets = {"real_target": self.real_target, "fake_target": self.fake_target}
        check_fields(self.eps, self.reads, **targets)
        return self

    @property
    def scores(self) -> str:
        return self.reads

    @property
    def goals(self) -> tuple[str, str]:
        return "log D(x) + log(1 - D(G(z)))", "-log(1 - D(G(z)))"
