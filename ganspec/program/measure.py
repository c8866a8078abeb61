"""What a program costs: parameters, buffers and multiply-adds, layer by layer."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch
from torch import nn

from ganspec.program.ir import Net, Step, Value
from ganspec.program.modules import module_of
from ganspec.program.multiply_adds import MultiplyAdds
from ganspec.program.probe import hollow


@dataclass(frozen=True)
class Cost:
    """One layer of a network: where it stands, what it makes, what it costs.

    `macs` are the multiply-adds of one image's forward pass; `buffers` are floating-point ones,
    such as batch norm's running statistics, which Keras counts as non-trainable parameters.
    """

    path: str
    kind: str
    output: tuple[int, ...]
    trainable: int
    buffers: int
    macs: int | None
    line: int | None

    @property
    def params(self) -> int:
        """All numbers that the layer stores."""
        return self.trainable + self.buffers


def costs(net: Net, macs: bool = False) -> list[Cost]:
    """A row for each layer of the spec that computes something, blocks and repeats opened."""
    rows: list[Cost] = []
    values = {value.id: value for value in _values(net)}
    for step in net.leaves():
        row = step_cost(step, [values[i] for i in step.inputs], macs)
        if rows and rows[-1].path == row.path:  # a layer may be several calls: pad, then conv
            row = replace(
                row,
                trainable=rows[-1].trainable + row.trainable,
                buffers=rows[-1].buffers + row.buffers,
                macs=rows[-1].macs + row.macs if macs else None,
            )
            rows.pop()
        rows.append(row)
    return rows


def _values(net: Net) -> Iterator[Value]:
    for start in net.inputs:
        yield start.value
    for step in net.steps:
        yield step.output
        if isinstance(step.call.target, Net):
            yield from _values(step.call.target)


def step_cost(step: Step, inputs: list[Value], macs: bool) -> Cost:
    """What one call costs on values like `inputs`."""
    trainable = buffers = 0
    bare = hollow(step.call) if step.is_module else None
    if bare is not None:
        built = module_of(step.call) if _is_wrapped(step) else bare
        trainable = sum(p.numel() for p in built.parameters())
        buffers = sum(b.numel() for b in built.buffers() if b.is_floating_point())
    count = _macs(step, bare, inputs) if macs else None
    origin = step.origin
    line = origin.mark.line if origin.mark else None
    return Cost(
        below_key(origin.path), origin.kind, step.output.shape, trainable, buffers, count, line
    )


def below_key(path: str) -> str:
    """A layer's path below its network's own key."""
    return path.partition(".")[2]


def _is_wrapped(step: Step) -> bool:
    """Whether a weight norm adds numbers of its own."""
    return bool(step.call.wraps) or any(callable(v) for v in step.call.kwargs.values())


def _macs(step: Step, bare: nn.Module | None, inputs: list[Value]) -> int:
    tensors = [value.tensor(1) for value in inputs]
    with MultiplyAdds() as counter, torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        step.call.apply(tensors) if bare is None else bare.eval()(*tensors)
    return counter.count


def totals(rows: list[Cost]) -> dict[str, int]:
    """Parameters of a whole network, as Keras sums them up."""
    trainable, buffers = sum(r.trainable for r in rows), sum(r.buffers for r in rows)
    return {"total": trainable + buffers, "trainable": trainable, "buffers": buffers}
