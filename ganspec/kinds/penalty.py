"""What every penalty is: a plain function of the discriminator and a batch."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from ganspec.language.kinds import Kind
from ganspec.language.types import Positive


class Penalty(Kind, family="penalty"):
    """A term added to the discriminator's loss.

    Its function reads the fields as `cfg.field`; `labels` are the real images', where the
    discriminator reads any.
    """

    primary: ClassVar = "penalty_weight"
    penalty: ClassVar[Callable]

    penalty_weight: Positive = 10.0
