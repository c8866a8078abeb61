"""Stochastic gradient descent."""

from __future__ import annotations

from torch import optim

from ganspec.kinds.optimizer import Beta, Decay, Optimizer, Rate
from ganspec.program.ir import Call


class SGD(Optimizer, kind="sgd"):
    """Gradient descent, with momentum if that is set."""

    lr: Rate = 1e-2
    momentum: Beta = 0.0
    nesterov: bool = False
    weight_decay: Decay = 0.0

    def call(self) -> Call:
        return Call(
            optim.SGD,
            lr=self.lr,
            momentum=self.momentum,
            nesterov=self.nesterov,
            weight_decay=self.weight_decay,
        )
