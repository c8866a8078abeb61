"""Base class of criteria: functions of a network's outputs and their targets."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from ganspec.language.kinds import Kind


class Criterion(Kind, family="criterion"):
    """The loss of a classifier or an autoencoder, or a VAE's loss of its reconstructions.

    A kind defines `loss(outputs, targets, cfg)`, a top-level function that returns a scalar: the
    mean over the batch and, for images, over their numbers. It reads the kind's fields as
    `cfg.field`. Emitted files contain its text. `targets` lists the accepted forms of target:
    `classes` (int64 N), `multi_hot` (float 0 and 1, N x classes) or `images` (float N x C x H x W).

    If the kind has a field `reads`, its value, `logits` or `probabilities`, is what the network
    must return; otherwise the network may return any numbers. `activation` is the kind of layer
    that turns logits into probabilities, such as `softmax`.
    """

    loss: ClassVar[Callable]
    targets: ClassVar[tuple[str, ...]]
    activation: ClassVar[str | None] = None

    @property
    def outputs(self) -> str:
        """Form that the network's outputs must have: `logits`, `probabilities` or any `numbers`."""
        return getattr(self, "reads", "numbers")
