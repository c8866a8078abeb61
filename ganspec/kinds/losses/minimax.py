"""The minimax GAN loss."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from ganspec.kinds.losses.non_saturating import (
    EPSILON,
    CrossEntropyLoss,
    Epsilon,
    fake_loss,
    likelihood,
)


def generator_loss(scores, cfg):
    """Return minus the discriminator's loss on generated images."""
    return -fake_loss(scores, cfg)


class Minimax(CrossEntropyLoss, kind="minimax"):
    """Binary cross-entropy as a zero-sum game (Goodfellow et al., 2014, equation 1)."""

    generator_loss: ClassVar = staticmethod(generator_loss)

    eps: Epsilon = Field(0.0, description=EPSILON)

    @property
    def goals(self) -> tuple[str, str]:
        return self.d_goal, f"-{likelihood('G(z)', self.fake_target)}".removeprefix("--")
