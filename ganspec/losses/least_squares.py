"""Least squares GAN loss."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from ganspec.language.types import Number
from ganspec.losses.loss import Loss


def discriminator_loss(real, fake, cfg):
    """Half the squared distance of each score from its target."""
    real_loss = (real - cfg.real_target).square().mean()
    fake_loss = (fake - cfg.fake_target).square().mean()
    return 0.5 * (real_loss + fake_loss)


def generator_loss(fake, cfg):
    """Half the squared distance of generated images' scores from their target."""
    return 0.5 * (fake - cfg.generator_target).square().mean()


class LeastSquares(Loss, kind="least_squares"):
    """Squared distance from targets (Mao et al., 2017, equation 9)."""

    discriminator_loss: ClassVar = staticmethod(discriminator_loss)
    generator_loss: ClassVar = staticmethod(generator_loss)

    real_target: Number = Field(1.0, description="target of scores of real images")
    fake_target: Number = Field(0.0, description="target of scores of generated images")
    generator_target: Number = Field(1.0, description="target of the generator's own scores")
