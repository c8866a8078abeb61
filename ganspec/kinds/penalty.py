"""Base class of penalties: one function of the discriminator and a batch."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from ganspec.language.kinds import Kind
from ganspec.language.types import Positive


class Penalty(Kind, family="penalty"):
    """A term of the discriminator's loss.

    A kind defines `penalty(discriminator, real, fake, labels, cfg)`, a function at the top of its
    file that returns a scalar. `real` and `fake` are batches of images, N x C x H x W, and `labels`
    are those of the real images, None if the discriminator reads none. Besides the kind's fields it
    may read `cfg.d_conditional`, True if the discriminator takes labels, and `cfg.auxiliary`, True
    if it returns guesses of the label behind the scores. Its text goes into emitted files.
    """

    primary: ClassVar = "penalty_weight"
    penalty: ClassVar[Callable]

    penalty_weight: Positive = 10.0
