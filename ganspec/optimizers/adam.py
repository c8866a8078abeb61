"""Adam and AdamW."""

from __future__ import annotations

from typing import ClassVar

from torch import optim

from ganspec.compiler.ir import Call
from ganspec.language.types import Positive
from ganspec.optimizers.optimizer import Beta, Decay, Optimizer, Rate


class Adam(Optimizer, kind="adam"):
    """Adam (Kingma & Ba, 2015); `weight_decay` is an L2 term in the gradient."""

    framework_defaults: ClassVar = {"keras": {"eps": 1e-7}}

    lr: Rate = 1e-3
    betas: tuple[Beta, Beta] = (0.9, 0.999)
    eps: Positive = 1e-8
    weight_decay: Decay = 0.0

    def call(self) -> Call:
        options = {"lr": self.lr, "betas": self.betas, "eps": self.eps}
        return Call(optim.Adam, **options, weight_decay=self.weight_decay)


class AdamW(Optimizer, kind="adamw"):
    """Adam with decoupled weight decay (Loshchilov & Hutter, 2019)."""

    framework_defaults: ClassVar = {"keras": {"eps": 1e-7, "weight_decay": 0.004}}

    lr: Rate = 1e-3
    betas: tuple[Beta, Beta] = (0.9, 0.999)
    eps: Positive = 1e-8
    weight_decay: Decay = 0.01

    def call(self) -> Call:
        options = {"lr": self.lr, "betas": self.betas, "eps": self.eps}
        return Call(optim.AdamW, **options, weight_decay=self.weight_decay)
