"""Least squares GAN loss."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from ganspec.kinds.loss import Loss
from ganspec.language.types import Number


def real_loss(scores, cfg):
    """Return half the mean squared distance of real scores from their target."""
    return 0.5 * (scores - cfg.real_target).square().mean()


def fake_loss(scores, cfg):
    """Return half the mean squared distance of generated scores from their target."""
    return 0.5 * (scores - cfg.fake_target).square().mean()


def generator_loss(scores, cfg):
    """Return half the mean squared distance of generated scores from G's target."""
    return 0.5 * (scores - cfg.generator_target).square().mean()


class LeastSquares(Loss, kind="least_squares"):
    """Half the squared distance of scores from targets (Mao et al., 2017, equation 9)."""

    real_loss: ClassVar = staticmethod(real_loss)
    fake_loss: ClassVar = staticmethod(fake_loss)
    generator_loss: ClassVar = staticmethod(generator_loss)

    real_target: Number = Field(1.0, description="target of scores of real images")
    fake_target: Number = Field(0.0, description="target of scores of generated images")
    generator_target: Number = Field(1.0, description="target in the generator's loss")

    @property
    def threshold(self) -> float:
        return (self.real_target + self.fake_target) / 2

    @property
    def goals(self) -> tuple[str, str]:
        real, fake, own = (
            f"-(D({image}) - {target:g})^2"
            for image, target in (
                ("x", self.real_target),
                ("G(z)", self.fake_target),
                ("G(z)", self.generator_target),
            )
        )
        return f"{real} {fake}", own
