"""RMSprop, as in torch or TensorFlow."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import torch
from pydantic import Field
from torch import optim

from ganspec.kinds.optimizer import Beta, Decay, Optimizer, Rate
from ganspec.language.types import Positive
from ganspec.program.ir import Call


class RMSpropTF(optim.Optimizer):
    """RMSprop with `eps` inside the root; `initial` is the initial mean of squares."""

    def __init__(self, params, lr, alpha=0.9, eps=1e-7, momentum=0, weight_decay=0, initial=0):
        super().__init__(params, {"lr": lr, "alpha": alpha, "eps": eps})
        self.momentum = momentum
        self.weight_decay = weight_decay
        self.initial = initial

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is not None:
                    self.move(weight, **group)

    def move(self, weight, lr, alpha, eps, **_):
        state, gradient = self.state[weight], weight.grad
        if not state:
            state["square_avg"] = torch.full_like(weight, self.initial)
            if self.momentum:
                state["momentum_buffer"] = torch.zeros_like(weight)
        if self.weight_decay:
            gradient = gradient.add(weight, alpha=self.weight_decay)
        squares = state["square_avg"].mul_(alpha)
        squares.addcmul_(gradient, gradient, value=1 - alpha)
        change = gradient / (squares + eps).sqrt()
        if self.momentum:
            change = state["momentum_buffer"].mul_(self.momentum).add_(change)
        weight.sub_(change, alpha=lr)


class RMSprop(Optimizer, kind="rmsprop"):
    """RMSprop (Hinton, 2012), as the framework `form` computes it.

    The form `torch` adds `eps` to the root of the mean of squares. `keras` and `tensorflow` add
    `eps` under the root, which changes the updates for small gradients. The mean of squares starts
    at 0; in `tensorflow`, as in TensorFlow 1's `tf.train.RMSPropOptimizer`, it starts at 1, which
    makes the first updates small.
    """

    framework_defaults: ClassVar = {
        "keras": {"lr": 1e-3, "alpha": 0.9, "eps": 1e-7, "form": "keras"},
        "tensorflow": {"alpha": 0.9, "eps": 1e-10, "form": "tensorflow"},
    }

    lr: Rate = 1e-2
    alpha: Beta = Field(0.99, description="share of the old mean of squares in the new one")
    eps: Positive = 1e-8
    momentum: Beta = 0.0
    weight_decay: Decay = 0.0
    form: Literal["torch", "keras", "tensorflow"] = Field(
        "torch", description="place of `eps`, and initial mean of squares"
    )

    def call(self) -> Call:
        more = {"momentum": self.momentum, "weight_decay": self.weight_decay}
        if self.form == "tensorflow":
            more["initial"] = 1.0
        options: dict[str, Any] = {name: value for name, value in more.items() if value}
        optimizer = optim.RMSprop if self.form == "torch" else RMSpropTF
        return Call(optimizer, lr=self.lr, alpha=self.alpha, eps=self.eps, **options)
