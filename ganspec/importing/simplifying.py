"""Simplification of recorded graphs: identities are dropped, and calls get roles."""

from __future__ import annotations

import math

import torch
from torch import nn

from ganspec.importing.graph import (
    BATCH,
    FAILURES,
    RecordedCall,
    RecordedGraph,
    Shape,
    Slot,
    mapped,
)

SCALES = (100.0, 1e30)  # of the random numbers on which calls are run to find their roles
JOINS = {
    "add": lambda values: values[0] + values[1],
    "mul": lambda values: values[0] * values[1],
    "cat": lambda values: torch.cat(values, dim=1),
}


def simplify(graph: RecordedGraph) -> None:
    """Give calls their roles. Drop identities, chained reshapes, and calls that no output needs.

    The last reshape of a chain then reads the input of the first. A role is found by running the
    call on random numbers, so `view`, `flatten`, `squeeze` and indexing with None all have the
    role `reshape`.
    """
    roles = {call: role for call in graph.calls if (role := role_of_call(graph, call))}
    _merge(graph, {c.output: c.inputs[0] for c, role in roles.items() if role == "identity"})
    graph.roles = {call: role for call, role in roles.items() if role != "identity"}
    maker = {call.output: call for call in graph.calls}
    same: dict[int, int] = {}
    for call in filter(graph.is_reshape, graph.calls):
        source = call.inputs[0]
        while source in maker and graph.is_reshape(maker[source]):
            source = maker[source].inputs[0]
        shape = graph.shapes[call.output]
        call.target, call.inputs = reshaped, (source,)
        call.args, call.kwargs = (Slot(source), shape), {}
        if shape == graph.shapes[source]:
            same[call.output] = source
    _merge(graph, same)
    needed = graph.before(*graph.outputs)
    graph.calls = [call for call in graph.calls if call.output in needed]


def _merge(graph: RecordedGraph, same: dict[int, int]) -> None:
    """Drop the calls whose outputs are keys of `same`; readers of a key then read its value."""
    for value, source in same.items():  # in the order of calls, so that a chain leads to its start
        same[value] = same.get(source, source)

    def merged(values: tuple[int, ...]) -> tuple[int, ...]:
        return tuple(same.get(value, value) for value in values)

    def change(leaf: object) -> object:
        return Slot(same.get(leaf.value, leaf.value)) if isinstance(leaf, Slot) else leaf

    graph.calls = [call for call in graph.calls if call.output not in same]
    for call in graph.calls:
        call.inputs = tuple(dict.fromkeys(merged(call.inputs)))
        call.args, call.kwargs = mapped((call.args, call.kwargs), change)
    for scope in graph.scopes:
        scope.inputs = tuple(dict.fromkeys(merged(scope.inputs)))
        scope.outputs = merged(scope.outputs)
    graph.outputs = merged(graph.outputs)


def role_of_call(graph: RecordedGraph, call: RecordedCall) -> str | None:
    """Return `identity`, `reshape`, `add`, `mul` or `cat`; None for any other call."""
    if call.count > 1 or call.has_state:
        return None
    try:
        roles = {_role_at(graph, call, scale) for scale in SCALES}
        role = roles.pop() if len(roles) == 1 else None
        return None if role in ("identity", "reshape") and _mends(graph, call) else role
    except FAILURES:
        return None


def _role_at(graph: RecordedGraph, call: RecordedCall, scale: float) -> str | None:
    """Return the role that a call has on random numbers times `scale`, or None."""
    inputs = {v: graph.random(v, scale, seed=i) for i, v in enumerate(call.inputs)}
    output = call.run(inputs)
    operands = [inputs[value] for value in call.operands]
    return _join(output, operands) if operands[1:] else _rearrangement(call, output, *operands)


def _mends(graph: RecordedGraph, call: RecordedCall) -> bool:
    """Return True if a call of one input turns infinite numbers or NaN into finite numbers."""
    (value,) = call.inputs
    if not graph.dtypes[value].is_floating_point:
        return False
    outputs = [call.run({value: graph.random(value, scale)}) for scale in (math.inf, math.nan)]
    return any(bool(output.isfinite().any()) for output in outputs)


def _join(output: torch.Tensor, operands: list[torch.Tensor]) -> str | None:
    """Return the name in JOINS of the function that makes `output` of `operands`, or None."""
    for name, join in JOINS.items():
        if name == "cat" or len(operands) == 2:
            try:
                wanted = join(operands)
            except RuntimeError:
                continue
            if wanted.shape == output.shape and torch.equal(wanted, output):
                return name
    return None


def _rearrangement(call: RecordedCall, output: torch.Tensor, x: torch.Tensor) -> str | None:
    """Return `identity` or `reshape` if `call`, which makes `output` of `x`, is one; or None."""
    if output.dtype != x.dtype or output.numel() != x.numel() or len(output) != BATCH:
        return None
    if not torch.equal(output.flatten(), x.flatten()):
        return None
    if output.shape != x.shape:
        # a sum over an axis of length 1 keeps the numbers, but is not a reshape
        return "reshape" if output._is_view() else None
    # a module is kept even if it does nothing, such as dropout of rate 0
    is_identity = call.module is None or isinstance(call.module, nn.Identity)
    return "identity" if is_identity else None


def reshaped(x: torch.Tensor, shape: Shape) -> torch.Tensor:
    """Return the batch `x` with each example reshaped to `shape`."""
    return x.reshape(len(x), *shape)
