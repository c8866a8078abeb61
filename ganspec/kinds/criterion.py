"""Base class of criteria: one function of outputs and targets."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from ganspec.language.kinds import Kind


class Criterion(Kind, family="criterion"):
    """The loss of a classifier or an autoencoder, a mean over a batch.

    A kind defines `loss(outputs, targets, cfg)`, a function at the top of its file that returns a
    scalar and reads the kind's fields as `cfg.field`. Its text goes into emitted files. `targets`
    lists the forms of target that it accepts: `classes` (int64 N), `multi_hot` (float 0 and 1,
    N x classes) or `images` (float N x C x H x W).

    A field `reads` with the values `logits` and `probabilities` says which of them the network
    returns; without it the network may return any numbers. `activation` is the layer that makes
    probabilities of logits.
    """

    loss: ClassVar[Callable]
    targets: ClassVar[tuple[str, ...]]
    activation: ClassVar[str | None] = None

    @property
    def outputs(self) -> str:
        """Form of the network's outputs: `logits`, `probabilities` or `numbers`."""
        return getattr(self, "reads", "numbers")
