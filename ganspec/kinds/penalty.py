"""Base class of penalties: functions of the discriminator and a batch."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from ganspec.language.kinds import Kind
from ganspec.language.types import Positive


class Penalty(Kind, family="penalty"):
    """A term of the discriminator's loss.

    A kind defines `penalty(discriminator, real, fake, labels, cfg)`, a top-level function that
    returns a scalar. `real` and `fake` are batches of images, N x C x H x W. `labels` are the real
    images' labels, or None if no network reads labels. `cfg` has the kind's fields and two
    more: `d_conditional` is True if the discriminator takes labels, `auxiliary` if it returns a
    tuple of scores and guesses of the label. Emitted files contain the function's text.
    """

    primary: ClassVar = "penalty_weight"
    penalty: ClassVar[Callable]

    penalty_weight: Positive = 10.0
