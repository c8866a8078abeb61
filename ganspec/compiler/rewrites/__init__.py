"""Rewrites: faster ways to apply a module with the same results up to rounding.

A rewrite is one identity in one file with `apply` and `fits`. It never changes which modules a
network has, their names or weights: `apply(module, *inputs)` reads `module.weight` when
called, so weight norms, `state_dict`, emitted source and comparisons do not see it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

import torch

from ganspec.compiler.rewrites import transposed_conv_of_a_point
from ganspec.program.ir import Call, Value

# called with the module that `fits` accepted, and its inputs
Rewrite: TypeAlias = Callable[..., torch.Tensor]
REWRITES = (transposed_conv_of_a_point,)


def rewritten(call: Call, inputs: Sequence[Value]) -> Rewrite | None:
    """Return a faster way to apply the module of `call`, None where there is none."""
    return next((r.apply for r in REWRITES if r.fits(call, inputs)), None)
