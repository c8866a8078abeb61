"""Hinge loss of a GAN."""

from __future__ import annotations

from typing import ClassVar

import torch.nn.functional as F

from ganspec.kinds.loss import Loss


def real_loss(scores, cfg):
    """Return the mean of max(0, 1 - score) over real images."""
    return F.relu(1 - scores).mean()


def fake_loss(scores, cfg):
    """Return the mean of max(0, 1 + score) over generated images."""
    return F.relu(1 + scores).mean()


def generator_loss(scores, cfg):
    """Return minus the mean score of generated images."""
    return -scores.mean()


class Hinge(Loss, kind="hinge"):
    """Hinge loss (Lim & Ye, 2017; Miyato et al., 2018, equation 17)."""

    real_loss: ClassVar = staticmethod(real_loss)
    fake_loss: ClassVar = staticmethod(fake_loss)
    generator_loss: ClassVar = staticmethod(generator_loss)

    @property
    def goals(self) -> tuple[str, str]:
        return "min(0, D(x) - 1) + min(0, -1 - D(G(z)))", "D(G(z))"
