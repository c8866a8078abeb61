"""Spectral and weight normalization by torch, and no weight norm."""

from __future__ import annotations

from typing import ClassVar

from torch.nn.utils.parametrizations import spectral_norm, weight_norm

from ganspec.kinds.weight_norm import WeightNorm
from ganspec.language.types import Count, Positive
from ganspec.program.defaults import non_defaults
from ganspec.program.ir import Call


class Plain(WeightNorm, kind="none"):
    """No weight norm, even if the network sets one."""

    def wrap(self) -> None:
        return None


class Spectral(WeightNorm, kind="spectral"):
    """The weight divided by its largest singular value (Miyato et al., 2018, section 2.1)."""

    primary: ClassVar = "eps"

    eps: Positive = 1e-12
    power_iterations: Count = 1

    def wrap(self) -> Call:
        call = Call(spectral_norm, n_power_iterations=self.power_iterations, eps=self.eps)
        call.kwargs = non_defaults(call)  # emitted source leaves out defaults
        return call


class Weight(WeightNorm, kind="weight"):
    """Separate direction and length of each weight vector (Salimans & Kingma, 2016)."""

    def wrap(self) -> Call:
        return Call(weight_norm)
