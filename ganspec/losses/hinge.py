"""Hinge loss."""

from __future__ import annotations

from typing import ClassVar

import torch.nn.functional as F

from ganspec.losses.loss import Loss


def discriminator_loss(real, fake, cfg):
    """What real images' scores lack to 1, and generated ones' exceed -1 by."""
    return F.relu(1 - real).mean() + F.relu(1 + fake).mean()


def generator_loss(fake, cfg):
    """Minus the generated images' mean score."""
    return -fake.mean()


class Hinge(Loss, kind="hinge"):
    """Hinge loss (Lim & Ye, 2017; Miyato et al., 2018, equation 17)."""

    discriminator_loss: ClassVar = staticmethod(discriminator_loss)
    generator_loss: ClassVar = staticmethod(generator_loss)
