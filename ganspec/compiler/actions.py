"""Find the steps of a program that rewrites can apply.

`REWRITES` lists the files of `compiler/rewrites/` that have a rewrite; the others have shared code.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from ganspec.compiler.rewrites import (
    attention,
    conv_before_pool,
    conv_to_few_channels,
    conv_to_small_map,
    instance_norm_as_groups,
    pointwise_conv_before_pool,
    pointwise_conv_of_upsampled,
    transposed_conv_of_a_point,
    transposed_conv_of_small_map,
    transposed_conv_to_few_channels,
    upsample_before_conv,
)
from ganspec.program.ir import Net, Step

# if several rewrites fit at one step, the first in this order is used
REWRITES = (
    transposed_conv_of_a_point,
    pointwise_conv_of_upsampled,
    upsample_before_conv,
    pointwise_conv_before_pool,
    conv_before_pool,
    conv_to_few_channels,
    transposed_conv_to_few_channels,
    conv_to_small_map,
    transposed_conv_of_small_map,
    instance_norm_as_groups,
    attention,
)


@dataclass(frozen=True)
class Action:
    """Steps that are applied together by `apply`, the function of a rewrite.

    If `apply` is None, there is one step, which is applied without a rewrite.
    """

    steps: tuple[Step, ...]
    apply: Callable[..., torch.Tensor] | None = None


def actions(net: Net, exact: bool = False) -> tuple[Action, ...]:
    """Return all steps of `net` in order, grouped as actions; with `exact`, without rewrites."""
    grouped, at = [], 0
    while at < len(net.steps):
        action = None if exact else _rewritten(net, at)
        grouped.append(action or Action((net.steps[at],)))
        at += len(grouped[-1].steps)
    return tuple(grouped)


def _rewritten(net: Net, at: int) -> Action | None:
    """Return the action of the first rewrite that fits the steps from index `at` on, or None."""
    for rewrite in REWRITES:
        steps = net.steps[at : at + len(rewrite.TARGETS)]
        calls = [step.call for step in steps]
        if (
            tuple(call.target for call in calls) == rewrite.TARGETS
            and _follow(net, steps)
            and rewrite.fits(calls, net.values[steps[0].inputs[0]])
        ):
            return Action(steps, rewrite.apply)
    return None


def _follow(net: Net, steps: Sequence[Step]) -> bool:
    """Return True if each step but the first reads only the output of the step before it.

    Nothing else may read that output.
    """
    return all(
        step.inputs == (before.output.id,) and net.uses[before.output.id] == 1
        for before, step in itertools.pairwise(steps)
    )
