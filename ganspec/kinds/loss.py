"""Base class of adversarial losses: three functions of the discriminator's scores."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from ganspec.language.kinds import Kind


class Loss(Kind, family="loss"):
    """An adversarial objective.

    The discriminator minimises `real_loss` of the scores of real images plus `fake_loss` of those
    of generated images, at once or one after the other; the generator minimises `generator_loss`.
    A kind defines the three as functions at the top of its file. Each takes `(scores, cfg)`, scores
    of shape N x 1 or maps, and returns a scalar. It reads the kind's fields as `cfg.field`, and its
    text goes into emitted files. `judge` is the discriminator's name in papers about the loss.
    """

    judge: ClassVar[str] = "discriminator"
    real_loss: ClassVar[Callable]
    fake_loss: ClassVar[Callable]
    generator_loss: ClassVar[Callable]

    @property
    def scores(self) -> str:
        """Form of the scores: `logits`, `probabilities`, or `scores` for any numbers."""
        return "scores"

    @property
    def threshold(self) -> float:
        """The score above which the discriminator takes an image for real."""
        return 0.5 if self.scores == "probabilities" else 0.0

    @property
    def goals(self) -> tuple[str, str]:
        """Formulas that discriminator and generator maximise, for comments of emitted files."""
        return "real scores against generated ones", "the scores of generated images"
