"""Stochastic gradient descent."""

from __future__ import annotations

from typing import ClassVar

from torch import optim

from ganspec.kinds.optimizer import Beta, Decay, Optimizer, Rate


class SGD(Optimizer, kind="sgd"):
    """Gradient descent, with momentum if `momentum` is set."""

    optimizer: ClassVar = optim.SGD

    lr: Rate = 1e-2
    momentum: Beta = 0.0
    nesterov: bool = False
    weight_decay: Decay = 0.0
