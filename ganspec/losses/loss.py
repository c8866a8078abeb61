"""What every loss is: two plain functions of the discriminator's scores."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from ganspec.language.kinds import Kind


class Loss(Kind, family="loss"):
    """An adversarial objective.

    The fields are what the two functions read as `cfg.field`; the functions' text goes into
    emitted files with those fields settled. `scores` says what the discriminator must end in:
    `logits`, `probabilities`, or `scores` (any number).
    """

    discriminator_loss: ClassVar[Callable]
    generator_loss: ClassVar[Callable]

    @property
    def scores(self) -> str:
        return "scores"
