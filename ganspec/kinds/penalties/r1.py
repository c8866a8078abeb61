"""Zero-centred gradient penalty on real images."""

from __future__ import annotations

from typing import ClassVar

import torch

from ganspec.kinds.penalty import Penalty


def r1_penalty(discriminator, real, fake, labels, cfg):
    """Return the weighted mean of half the squared gradient norm at real images."""
    real = real.detach().requires_grad_()
    scores = discriminator(real, labels) if cfg.d_conditional else discriminator(real)
    if cfg.auxiliary:
        scores = scores[0]
    (gradient,) = torch.autograd.grad(scores.sum(), real, create_graph=True)
    return cfg.penalty_weight * 0.5 * gradient.flatten(1).square().sum(dim=1).mean()


class R1(Penalty, kind="r1"):
    """Zero-centred gradient penalty on real images (Mescheder et al., 2018, equation 9)."""

    penalty: ClassVar = staticmethod(r1_penalty)
