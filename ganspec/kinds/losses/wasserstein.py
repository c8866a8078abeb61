"""Wasserstein loss of a critic."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from ganspec.kinds.loss import Loss


def real_loss(scores, cfg):
    """Return the mean score of real images, with the sign that D minimises."""
    return -scores.mean() if cfg.real_target == -1 else scores.mean()


def fake_loss(scores, cfg):
    """Return the mean score of generated images, with the sign that D minimises."""
    return scores.mean() if cfg.real_target == -1 else -scores.mean()


def generator_loss(scores, cfg):
    """Return the mean score of generated images, with the sign that G minimises."""
    return -scores.mean() if cfg.real_target == -1 else scores.mean()


class Wasserstein(Loss, kind="wasserstein"):
    """Difference of mean scores of real and generated images (Arjovsky et al., 2017, equation 3).

    Code that computes the loss as a mean of targets times scores uses the target -1 for real images
    and 1 for generated images. `real_target: 1` swaps the two targets: the critic then lowers the
    scores of real images.
    """

    judge: ClassVar = "critic"
    real_loss: ClassVar = staticmethod(real_loss)
    fake_loss: ClassVar = staticmethod(fake_loss)
    generator_loss: ClassVar = staticmethod(generator_loss)

    real_target: Literal[-1, 1] = Field(-1, description="sign of real images' scores in the loss")

    @property
    def goals(self) -> tuple[str, str]:
        if self.real_target == -1:
            return "D(x) - D(G(z))", "D(G(z))"
        return "D(G(z)) - D(x)", "-D(G(z))"
