"""Gradient penalty of WGAN-GP."""

from __future__ import annotations

from typing import ClassVar

import torch

from ganspec.kinds.penalty import Penalty


def gradient_penalty(discriminator, real, fake, labels, cfg):
    """Penalise gradient norms other than 1 at points between real and fake images."""
    mix = torch.rand(len(real), 1, 1, 1, device=real.device)
    between = (mix * real + (1 - mix) * fake).requires_grad_()
    scores = discriminator(between, labels) if cfg.d_conditional else discriminator(between)
    if cfg.auxiliary:
        scores = scores[0]
    (gradient,) = torch.autograd.grad(scores.sum(), between, create_graph=True)
    return cfg.penalty_weight * (gradient.flatten(1).norm(dim=1) - 1).square().mean()


class Gradient(Penalty, kind="gradient"):
    """Squared distance of gradient norms from 1 (Gulrajani et al., 2017, equation 3)."""

    penalty: ClassVar = staticmethod(gradient_penalty)
