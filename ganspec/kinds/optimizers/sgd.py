"""Stochastic gradient descent."""

from __future__ import annotations

from typing import ClassVar, Self

from pydantic import model_validator
from torch import optim

from ganspec.kinds.optimizer import Beta, Decay, Optimizer, Rate
from ganspec.language.types import refusal


class SGD(Optimizer, kind="sgd"):
    """Gradient descent, with momentum if `momentum` is set."""

    optimizer: ClassVar = optim.SGD

    lr: Rate = 1e-2
    momentum: Beta = 0.0
    nesterov: bool = False
    weight_decay: Decay = 0.0

    @model_validator(mode="after")
    def _check_momentum(self) -> Self:
        """Refuse `nesterov` without momentum, as torch does when the training begins."""
        if self.nesterov and not self.momentum:
            message = "`nesterov` changes how momentum is added, and `momentum` is 0"
            raise refusal("bad-value", message, "add `momentum: 0.9`, or remove `nesterov`")
        return self
