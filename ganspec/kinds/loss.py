"""What every loss is: three plain functions of the discriminator's scores."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from ganspec.language.kinds import Kind


class Loss(Kind, family="loss"):
    """An adversarial objective.

    The discriminator minimises `real_loss` of real images' scores plus `fake_loss` of generated
    ones', at once or one after the other; the generator minimises `generator_loss`. The fields are
    what the functions read as `cfg.field`; the functions' text goes into emitted files with those
    fields settled. `scores` says what the discriminator must end in: `logits`, `probabilities`, or
    `scores` (any number), and `threshold` above which score an image counts as taken for real.
    `judge` is the name of the discriminator in papers about the loss.
    """

    judge: ClassVar[str] = "discriminator"
    real_loss: ClassVar[Callable]
    fake_loss: ClassVar[Callable]
    generator_loss: ClassVar[Callable]

    @property
    def scores(self) -> str:
        return "scores"

    @property
    def threshold(self) -> float:
        return 0.5 if self.scores == "probabilities" else 0.0

    @property
    def goals(self) -> tuple[str, str]:
        """Return what discriminator and generator maximise, for comments of emitted files."""
        return "real scores against generated ones", "the scores of generated images"
