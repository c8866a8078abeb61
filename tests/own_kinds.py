"""Kinds as careless users may write them, for tests of what is emitted."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from math import pi
from typing import ClassVar

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from torch.nn import functional as functions

from ganspec.kinds.layer import Layer
from ganspec.kinds.loss import Loss
from ganspec.kinds.penalty import Penalty
from ganspec.language.types import Width
from ganspec.program.ir import Call, Value

TINY = 1e-3
SMALL, HALF = 2 * TINY, 0.5
BATCH = 0.125  # also the name of a setting of training
if TINY < 1:  # noqa: SIM108  (a statement that sets a constant)
    SIGN = -1
else:
    SIGN = 1
WEIGHTS: list[float] = [HALF * weight for weight in (1, 3)]
COUNTS = {}
COUNTS["two"] = 2


def _table(count=COUNTS["two"]):
    return [SMALL * number for number in range(count)]


TABLE = _table()


class Scaled(nn.Module):
    """Base of the module below."""

    def scale(self):
        return TABLE[1] + SMALL + BATCH


@torch.no_grad()
def noted(x: torch.Tensor, eps=TINY) -> torch.Tensor:
    return x * eps


@dataclass
class Powers:
    """Exponents by name."""

    first: float = HALF
    second: float = pi


@cache
def root(number):
    return math.sqrt(number)


class UnitPixels(Scaled):
    """Scale every pixel's channels, and more."""

    def __init__(self, channels: int, powers: Powers | None = None):
        super().__init__()
        self.gain = nn.Parameter(torch.ones(channels, 1, 1) * float(np.float32(0.5)))
        self.powers = powers or Powers()

    def forward(self, x):
        unit = x * torch.rsqrt(x.square().mean(dim=1, keepdim=True) + TINY)
        turned = [w * functions.relu(SIGN * unit) for w in WEIGHTS]
        rest = (lambda y: y * self.scale() + self.powers.second * root(4))(unit)
        return self.gain * sum(turned) + rest + noted(x)


class UnitPixelsLayer(Layer, kind="unit_pixels"):
    """Scale every pixel's channels, and more."""

    def call(self, x: Value) -> Call:
        return Call(UnitPixels, x.channels)


def head(x, size, offsets):
    return x[:, :size] + offsets[0] * TINY


class Head(Layer, kind="head"):
    """The first numbers of a vector."""

    primary: ClassVar = "size"
    expects: ClassVar = "vector"
    size: Width

    def call(self, x: Value) -> Call:
        return Call(head, size=self.size, offsets=(self.size, 1), channels=self.size)


class GaussianNoise(nn.Module):
    """Another one than the layer `noise` has."""

    def forward(self, x):
        return x + TINY


class Plus(Layer, kind="plus"):
    """Add a little."""

    def call(self, x: Value) -> Call:
        return Call(GaussianNoise)


def save_grid(x):
    return x * HALF


class Updated(Layer, kind="updated"):
    """A function of the name of one that trains."""

    def call(self, x: Value) -> Call:
        return Call(save_grid)


def helper(scores, cfg, power=2):
    """Read the configuration of whoever calls."""
    if cfg.margin > 1:
        text = """at the left,
    not moved"""
        scores = scores + len(text)
    return F.relu(cfg.margin - scores).pow(power).mean()


def smooth(scores, settings):
    targets = torch.full_like(scores, 1 - settings.clip)
    return F.binary_cross_entropy_with_logits(scores, targets)


def real_loss(scores, cfg):
    labels = smooth(scores, settings=cfg)
    MARGIN = helper(scores, cfg)  # noqa: N806  (as a setting is called)
    return labels + MARGIN


def fake_loss(scores, cfg):
    """Have locals called as what is left out of training's text."""
    labels = torch.zeros_like(scores)
    step, fake_labels = 1, None
    for i in range(cfg.rounds):
        step = step + i
    inner = [s for cfg in (1, 2) for s in (scores * cfg,)]
    more = F.binary_cross_entropy_with_logits(inner[1], labels) * step
    return more if fake_labels is None else 0


def generator_loss(scores, cfg):
    own = cfg
    step = own.batch
    weigh = lambda s: s * own.d_scale + cfg.auxiliary  # noqa: E731
    if cfg.mode == "soft":
        return step * weigh(F.softplus(-scores).mean())
    return step


class CommonNames(Loss, kind="common_names"):
    """A loss with unlucky names."""

    real_loss: ClassVar = staticmethod(real_loss)
    fake_loss: ClassVar = staticmethod(fake_loss)
    generator_loss: ClassVar = staticmethod(generator_loss)
    clip: float = 0.1
    batch: float = 1.0
    margin: float = 1.5
    d_scale: float = 0.75
    auxiliary: float = 0.25
    penalty_weight: float = 3.0
    rounds: int = 1
    mode: str = "soft"
    labels: str | None = None


def bounded(bound):
    def loss(scores, cfg):
        return F.relu(bound + cfg.sign * scores).mean() + helper(scores, cfg, power=1)

    return loss


class Inner(Loss, kind="inner_functions"):
    """Functions within a class, a function and a line."""

    margin: float = 0.5
    sign: int = -1

    @staticmethod
    def real_loss(scores, cfg):
        """Cost what is below 1."""
        return F.relu(1 + cfg.sign * scores).mean()

    fake_loss: ClassVar = staticmethod(bounded(2.0))
    generator_loss: ClassVar = staticmethod(lambda scores, cfg: cfg.sign * scores.mean() * pi)


def train(discriminator, real, fake, labels, cfg):
    """Use the same helper as the loss, of which another setting has the same name."""
    scores = discriminator(real) if not cfg.d_conditional else discriminator(real, labels)
    if labels is not None:
        scores = scores * 2
    return cfg.penalty_weight * helper(scores, cfg) + (0 if cfg.auxiliary else BATCH)


class Shared(Penalty, kind="shared_names"):
    """A penalty with the fields of a loss."""

    penalty: ClassVar = staticmethod(train)
    margin: float = 0.25
