"""RMSprop."""

from __future__ import annotations

from typing import ClassVar

from torch import optim

from ganspec.compiler.ir import Call
from ganspec.language.types import Positive
from ganspec.optimizers.optimizer import Beta, Decay, Optimizer, Rate


class RMSprop(Optimizer, kind="rmsprop"):
    """RMSprop (Hinton, 2012), `eps` added outside the square root as torch does.

    Keras's 1e-7 and TensorFlow 1's 1e-10 stand inside it: 3.2e-4 and 1e-5 here, which is exact for
    vanishing gradients, for large ones too, and at worst 1.42 times off between.
    """

    framework_defaults: ClassVar = {
        "keras": {"lr": 1e-3, "alpha": 0.9, "eps": 3.2e-4},
        "tensorflow": {"alpha": 0.9, "eps": 1e-5},
    }

    lr: Rate = 1e-2
    alpha: Beta = 0.99
    eps: Positive = 1e-8
    momentum: Beta = 0.0
    weight_decay: Decay = 0.0

    def call(self) -> Call:
        options = {"alpha": self.alpha, "eps": self.eps, "momentum": self.momentum}
        return Call(optim.RMSprop, lr=self.lr, **options, weight_decay=self.weight_decay)
