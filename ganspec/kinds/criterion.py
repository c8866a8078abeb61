"""What every criterion is: one plain function of outputs and targets."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from ganspec.language.kinds import Kind


class Criterion(Kind, family="criterion"):
    """What a classifier or an autoencoder minimises, a mean over a batch.

    `loss(outputs, targets, cfg)` reads the kind's own fields as `cfg.field`; its text goes into
    emitted files with those fields settled. `targets` says what it can be held against: `classes`
    (int64 N), `multi_hot` (0 and 1, float N x classes) or `images`. `outputs` is what it wants of
    the network: `logits`, `probabilities`, or any `numbers`; `activation` makes the second of the
    first.
    """

    loss: ClassVar[Callable]
    targets: ClassVar[tuple[str, ...]]
    activation: ClassVar[str | None] = None

    @property
    def outputs(self) -> str:
        return getattr(self, "reads", "numbers")
