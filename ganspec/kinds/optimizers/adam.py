"""Adam, as in torch or TensorFlow, and AdamW."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field
from torch import optim

from ganspec.kinds.optimizer import Beta, Decay, Optimizer, Rate
from ganspec.language.types import Positive
from ganspec.program.ir import Call


class AdamEpsHat(optim.Adam):
    """Adam that adds `eps` before it corrects the second moment, as TensorFlow does."""

    def step(self):
        for group in self.param_groups:
            group["count"] = group.get("count", 0) + 1
            correction = 1 - group["betas"][1] ** group["count"]
            group["eps"] = group.setdefault("eps_hat", group["eps"]) / correction**0.5
        super().step()


class Adam(Optimizer, kind="adam"):
    """Adam (Kingma & Ba, 2015); `weight_decay` is an L2 term in the gradient.

    torch adds `eps` after the second moment is corrected; Keras and TensorFlow 1 add it before, as
    at the end of the paper's section 2. Added before, `eps` counts 1 / sqrt(1 - beta2^t) times as
    much in training step t: 32 times in the first if beta2 is 0.999, which matters if gradients are
    near `eps`. `eps_hat: true`, the default under `keras` and `tensorflow`, adds it before.
    """

    framework_defaults: ClassVar = {
        "keras": {"eps": 1e-7, "eps_hat": True},
        "tensorflow": {"eps_hat": True},
    }

    lr: Rate = 1e-3
    betas: tuple[Beta, Beta] = (0.9, 0.999)
    eps: Positive = 1e-8
    weight_decay: Decay = 0.0
    eps_hat: bool = Field(False, description="add `eps` before the second moment is corrected")

    def call(self) -> Call:
        options = dict(self)
        return Call(AdamEpsHat if options.pop("eps_hat") else optim.Adam, **options)


class AdamW(Optimizer, kind="adamw"):
    """Adam with decoupled weight decay (Loshchilov & Hutter, 2019)."""

    optimizer: ClassVar = optim.AdamW
    framework_defaults: ClassVar = {"keras": {"eps": 1e-7, "weight_decay": 0.004}}

    lr: Rate = 1e-3
    betas: tuple[Beta, Beta] = (0.9, 0.999)
    eps: Positive = 1e-8
    weight_decay: Decay = 0.01
