"""Decide which steps of a program are applied together, by a rewrite.

`REWRITES` lists the files of `compiler/rewrites/`.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import torch

from ganspec.compiler.rewrites import (
    attention,
    conv_before_pool,
    conv_to_few_channels,
    instance_norm_as_groups,
    pointwise_conv_before_pool,
    pointwise_conv_of_upsampled,
    transposed_conv_of_a_point,
    transposed_conv_to_few_channels,
    upsample_before_conv,
)
from ganspec.program.ir import Net, Step, Value

# called with the modules that `fits` accepted, and the inputs of the first
Apply: TypeAlias = Callable[..., torch.Tensor]
# where several fit, the first is taken
REWRITES = (
    transposed_conv_of_a_point,
    pointwise_conv_of_upsampled,
    upsample_before_conv,
    pointwise_conv_before_pool,
    conv_before_pool,
    conv_to_few_channels,
    transposed_conv_to_few_channels,
    instance_norm_as_groups,
    attention,
)


@dataclass(frozen=True)
class Action:
    """Steps that are applied together; one by one if `apply` is None."""

    steps: tuple[Step, ...]
    apply: Apply | None = None


def actions(net: Net, exact: bool = False) -> tuple[Action, ...]:
    """Return the steps of `net` in order, those that a rewrite applies as one action.

    With `exact`, no rewrites are used.
    """
    values = {start.value.id: start.value for start in net.inputs}
    values |= {step.output.id: step.output for step in net.steps}
    found, at = [], 0
    while at < len(net.steps):
        action = None if exact else _rewritten(net, at, values)
        found.append(action or Action((net.steps[at],)))
        at += len(found[-1].steps)
    return tuple(found)


def _rewritten(net: Net, at: int, values: dict[int, Value]) -> Action | None:
    """Return the action of the first rewrite that fits the steps from `at` on."""
    for rewrite in REWRITES:
        steps = net.steps[at : at + len(rewrite.TARGETS)]
        calls = [step.call for step in steps]
        if (
            tuple(call.target for call in calls) == rewrite.TARGETS
            and _follow(net, steps)
            and rewrite.fits(calls, values[steps[0].inputs[0]])
        ):
            return Action(steps, rewrite.apply)
    return None


def _follow(net: Net, steps: Sequence[Step]) -> bool:
    """Return True if each step reads the one before, whose value nothing else reads."""
    return all(
        step.inputs == (before.output.id,) and net.uses[before.output.id] == 1
        for before, step in itertools.pairwise(steps)
    )
