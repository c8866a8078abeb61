"""Base class of adversarial losses: three functions of the discriminator's scores."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from ganspec.language.kinds import Kind


class Loss(Kind, family="loss"):
    """An adversarial objective.

    The discriminator minimises `real_loss` of the scores of real images and `fake_loss` of the
    scores of generated images, as a sum or in turn; the generator minimises `generator_loss`. A
    kind defines the three as top-level functions. Each takes `(scores, cfg)` and returns a scalar.
    Scores are of shape N x 1, or maps; `cfg.field` is a field of the kind. Emitted files contain
    the functions' text. `judge` is the discriminator's name in papers about the loss.
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
        """The score between those of images judged real and those of images judged generated."""
        return 0.5 if self.scores == "probabilities" else 0.0

    @property
    def goals(self) -> tuple[str, str]:
        """Objectives that discriminator and generator maximise, for comments in emitted files."""
        return "real scores against generated ones", "the scores of generated images"
