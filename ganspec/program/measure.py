"""Count the parameters, buffers and multiply-adds of each layer and condition of a program."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import torch
from torch import nn

from ganspec.language.errors import Mark
from ganspec.language.unread import NOT_READ
from ganspec.program.ir import Call, Net, Step, Value, module_of
from ganspec.program.multiply_adds import MultiplyAdds
from ganspec.program.probe import hollow
from ganspec.program.statistics import fix_neutral

# A module is counted in main memory up to these sizes. A larger one is counted on the meta device,
# which needs no memory, but makes torch import its compiler: that takes seconds.
LARGEST_DRAWN = 2**24  # weights, when parameters of a module with a weight norm are counted
LARGEST_COMPUTED = 2**34  # weights times positions of the output, when multiply-adds are counted


@dataclass(frozen=True)
class Cost:
    """The costs of one layer or condition.

    `path` is its key path below the network's key, `output` the shape of its output without the
    batch. `trainable` is the number of its parameters. `buffers` counts the numbers in its
    floating-point buffers, such as running statistics, which Keras calls non-trainable parameters.
    `macs` are the multiply-adds of one image's forward pass, None if they were not counted. `mark`
    is its place in the spec, None if it was not read from a text. `lost` has the names of those of
    `params`, `macs` and `output` that depend on unknown labels.
    """

    path: str
    kind: str
    output: tuple[int, ...]
    trainable: int
    buffers: int
    macs: int | None
    mark: Mark | None
    lost: frozenset[str] = frozenset()

    @property
    def params(self) -> int:
        """The sum of `trainable` and `buffers`."""
        return self.trainable + self.buffers

    @property
    def line(self) -> int | None:
        return self.mark.line if self.mark else None


class CostRow(Protocol):
    """A row with counts; `lost` has the names of those that depend on unknown labels."""

    @property
    def params(self) -> int: ...
    @property
    def macs(self) -> int | None: ...
    @property
    def lost(self) -> frozenset[str]: ...


def costs(net: Net, macs: bool = False) -> list[Cost]:
    """Return one `Cost` per layer or condition of a network, in the order of their calls.

    The layers inside blocks and repeats are listed, not the block or the repeat. Layers that make
    no call are left out. Multiply-adds are counted only if `macs` is True.
    """
    rows: list[Cost] = []
    for step in net.leaves():
        row = step_cost(step, [net.values[i] for i in step.inputs], macs)
        if rows and rows[-1].path == row.path:  # a layer may be several calls: pad, then conv
            row = add(rows.pop(), row)
        rows.append(row)
    return rows


def add(first: Cost, last: Cost) -> Cost:
    """Return the cost of a layer whose calls cost `first` and `last`, with the output of `last`."""
    trainable, buffers = first.trainable + last.trainable, first.buffers + last.buffers
    macs = None if first.macs is None or last.macs is None else first.macs + last.macs
    lost = (first.lost - {"output"}) | last.lost
    return replace(last, trainable=trainable, buffers=buffers, macs=macs, lost=lost)


def cell(rows: Sequence[CostRow], name: str) -> str:
    """Return the sum of `params` or `macs` of rows as text, such as `1,024`; "" if it is 0.

    Return NOT_READ if the sum depends on unknown labels.
    """
    count = sum(getattr(row, name) or 0 for row in rows)
    return NOT_READ if is_lost(rows, name) else f"{count:,}" if count else ""


def parameters_text(net: Net) -> str:
    """Return the number of parameters, with buffers, as text: `1,024 parameters`.

    Return `parameters not read` if it depends on unknown labels.
    """
    rows = costs(net)
    if is_lost(rows, "params"):
        return f"parameters {NOT_READ}"
    return f"{totals(rows)['total']:,} parameters"


def is_lost(rows: Sequence[CostRow], name: str) -> bool:
    """Return True if the count `name` of any row depends on unknown labels, and is not 0."""
    return any(name in row.lost and getattr(row, name) for row in rows)


def step_cost(step: Step, inputs: list[Value], macs: bool) -> Cost:
    """Return the cost of a step that reads `inputs`. Count multiply-adds only if `macs` is True."""
    trainable = buffers = 0
    bare = hollow(step.call) if step.is_module else None
    if bare is not None:
        # a weight norm can add parameters or buffers
        built = _normed(step.call, bare) if step.may_be_normed else bare
        trainable = sum(p.numel() for p in built.parameters())
        buffers = sum(b.numel() for b in built.buffers() if b.is_floating_point())
    return Cost(
        path=below_key(step.origin.path),
        kind=step.origin.kind,
        output=step.output.shape,
        trainable=trainable,
        buffers=buffers,
        macs=_macs(step, bare, inputs) if macs else None,
        mark=step.origin.mark,
        lost=frozenset(step.origin.lost),
    )


def below_key(path: str) -> str:
    """Return a layer's key path without the network's key: `layers.0` of `generator.layers.0`."""
    return path.partition(".")[2]


def _normed(call: Call, bare: nn.Module) -> nn.Module:
    """Return the call's module with its weight norms.

    `bare` is the module without them. If it is large, the result is on the meta device.
    """
    if sum(p.numel() for p in bare.parameters()) <= LARGEST_DRAWN:
        return module_of(call)
    with torch.device("meta"):
        return module_of(call)


def _macs(step: Step, bare: nn.Module | None, inputs: list[Value]) -> int:
    """Return the multiply-adds of a step on one image.

    `bare` is the step's module without weight norms, or None if the step calls a function.
    """
    tensors = [value.tensor(1) for value in inputs]
    if bare is not None:
        fix_neutral(bare)
        weights = sum(p.numel() for p in bare.parameters())
        if weights * math.prod(step.output.shape[1:]) > LARGEST_COMPUTED:
            bare, tensors = bare.to("meta"), [tensor.to("meta") for tensor in tensors]
    with MultiplyAdds() as counter, torch.no_grad(), warnings.catch_warnings(action="ignore"):
        if bare is None:
            step.call.apply(*tensors)
        else:
            bare.eval()(*tensors)
    return counter.count


def totals(rows: list[Cost]) -> dict[str, int]:
    """Return the numbers of parameters (`trainable`) and `buffers` in all rows, and the `total`."""
    trainable, buffers = sum(r.trainable for r in rows), sum(r.buffers for r in rows)
    return {"total": trainable + buffers, "trainable": trainable, "buffers": buffers}
