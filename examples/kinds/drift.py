from typing import ClassVar

from ganspec.extend import Penalty, Positive


def drift_penalty(discriminator, real, fake, labels, cfg):
    """Keep the scores of real images near 0."""
    scores = discriminator(real, labels) if cfg.d_conditional else discriminator(real)
    if cfg.auxiliary:
        scores = scores[0]
    return cfg.penalty_weight * scores.square().mean()


class Drift(Penalty, kind="drift"):
    """Mean squared score of real images (Karras et al., 2018, appendix A.1)."""

    penalty: ClassVar = staticmethod(drift_penalty)

    penalty_weight: Positive = 1e-3
