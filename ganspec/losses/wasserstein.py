"""Wasserstein loss."""

from __future__ import annotations

from typing import ClassVar

from ganspec.losses.loss import Loss


def discriminator_loss(real, fake, cfg):
    """Minus the estimated distance: generated images' mean score minus real ones'."""
    return fake.mean() - real.mean()


def generator_loss(fake, cfg):
    """Minus the generated images' mean score."""
    return -fake.mean()


class Wasserstein(Loss, kind="wasserstein"):
    """Difference of the critic's mean scores (Arjovsky et al., 2017, equation 3)."""

    discriminator_loss: ClassVar = staticmethod(discriminator_loss)
    generator_loss: ClassVar = staticmethod(generator_loss)
