"""The minimax GAN loss."""

from __future__ import annotations

from typing import ClassVar, Literal

from ganspec.language.types import Number
from ganspec.losses.loss import Loss
from ganspec.losses.non_saturating import cross_entropy, discriminator_loss


def generator_loss(fake, cfg):
    """Minus the discriminator's loss on them: minimises log(1 - D(G(z)))."""
    return -cross_entropy(fake, cfg.fake_target, cfg)


class Minimax(Loss, kind="minimax"):
    """Binary cross-entropy as a zero-sum game (Goodfellow et al., 2014, equation 1)."""

    discriminator_loss: ClassVar = staticmethod(discriminator_loss)
    generator_loss: ClassVar = staticmethod(generator_loss)

    reads: Literal["logits", "probabilities"] = "logits"
    real_target: Number = 1.0
    fake_target: Number = 0.0

    @property
    def scores(self) -> str:
        return self.reads
