"""A recording in plain terms: identities gone, reshapes and joins known for what they are."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import torch
from torch import nn

from ganspec.importing.recording import BATCH, ModuleCall, Op, Recording, Slot, mapped

FAILURES = (RuntimeError, ValueError, TypeError, IndexError, AttributeError, AssertionError)
JOINS = {
    "add": lambda values: values[0] + values[1],
    "mul": lambda values: values[0] * values[1],
    "cat": lambda values: torch.cat(values, dim=1),
}


@dataclass(eq=False)
class Graph:
    """The data flow from a network's inputs to its outputs; `roles` name what is no layer's own.

    A role is `reshape`, `add`, `mul` or `cat`: found by what a call does to random numbers, so
    that `view`, `flatten`, `squeeze` and indexing with None are one thing.
    """

    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    ops: list[Op]
    scopes: list[ModuleCall]
    shapes: dict[int, tuple[int, ...]]
    dtypes: dict[int, torch.dtype]
    roles: dict[Op, str] = field(default_factory=dict)

    @cached_property
    def maker(self) -> dict[int, Op]:
        return {op.output: op for op in self.ops}

    @cached_property
    def readers(self) -> dict[int, list[Op]]:
        found: dict[int, list[Op]] = {}
        for op in self.ops:
            for value in op.inputs:
                found.setdefault(value, []).append(op)
        return found

    def before(self, value: int) -> set[int]:
        """All values that `value` is made of, itself among them."""
        found, todo = set(), [value]
        while todo:
            at = todo.pop()
            if at not in found:
                found.add(at)
                todo += self.maker[at].inputs if at in self.maker else ()
        return found

    def random(self, value: int, scale: float = 1.0, seed: int = 0) -> torch.Tensor:
        """Random numbers of a value's shape: normal, or small indices."""
        generator = torch.Generator().manual_seed(seed)
        shape = (BATCH, *self.shapes[value])
        if not self.dtypes[value].is_floating_point:
            return torch.randint(0, 2, shape, generator=generator)
        return torch.randn(shape, generator=generator) * scale


def operands(op: Op) -> list[int]:
    """The values that a call reads, in the order of its arguments."""
    found: list[int] = []
    mapped((op.args, op.kwargs), lambda x: found.append(x.value) if isinstance(x, Slot) else None)
    return found


def graph_of(recording: Recording) -> Graph:
    """The recording's data flow, cleaned."""
    graph = Graph(
        recording.inputs,
        recording.outputs,
        [],
        recording.scopes,
        recording.shapes,
        recording.dtypes,
    )
    same: dict[int, int] = {}  # values that are others unchanged

    def found(value: int) -> int:
        return same.get(value, value)

    for op in recording.ops:
        op.inputs = tuple(dict.fromkeys(found(v) for v in op.inputs))
        op.args, op.kwargs = mapped((op.args, op.kwargs), lambda x: _renamed(x, same))
        role = role_of(graph, op)
        if role == "identity":
            same[op.output] = op.inputs[0]
            continue
        graph.ops.append(op)
        if role:
            graph.roles[op] = role
    graph.outputs = tuple(found(v) for v in recording.outputs)
    for scope in graph.scopes:
        scope.inputs = tuple(dict.fromkeys(found(v) for v in scope.inputs))
        scope.outputs = tuple(found(v) for v in scope.outputs)
    _merge_reshapes(graph)
    _drop_unread(graph)
    return graph


def _renamed(leaf: object, same: dict[int, int]) -> object:
    return Slot(same.get(leaf.value, leaf.value)) if isinstance(leaf, Slot) else leaf


def role_of(graph: Graph, op: Op) -> str | None:
    """What a call without weights does, where that is not a layer's own doing."""
    if op.made > 1 or (op.module is not None and any(True for _ in op.module.state_dict())):
        return None
    values = operands(op)
    try:
        given = {v: graph.random(v, 100.0, seed=i) for i, v in enumerate(op.inputs)}
        made = op.run(given)
        if len(values) > 1:
            return _join(made, [given[v] for v in values])
        return _rearrangement(op, made, given[values[0]])
    except FAILURES:
        return None


def _join(made: torch.Tensor, given: list[torch.Tensor]) -> str | None:
    for name, join in JOINS.items():
        if name == "cat" or len(given) == 2:
            try:
                wanted = join(given)
            except RuntimeError:
                continue
            if wanted.shape == made.shape and torch.equal(wanted, made):
                return name
    return None


def _rearrangement(op: Op, made: torch.Tensor, given: torch.Tensor) -> str | None:
    if made.dtype != given.dtype or made.numel() != given.numel() or len(made) != BATCH:
        return None
    if not torch.equal(made.flatten(), given.flatten()):
        return None
    if made.shape != given.shape:
        # the sum over a single place rearranges nothing, though its numbers stay
        return "reshape" if made._is_view() else None
    # a module such as dropout of rate 0 is there to be seen
    return "identity" if op.module is None or isinstance(op.module, nn.Identity) else None


def reshaped(x: torch.Tensor, shape: tuple[int, ...]) -> torch.Tensor:
    """`x` with each image in another shape."""
    return x.reshape(len(x), *shape)


def _merge_reshapes(graph: Graph) -> None:
    """Reshapes of reshapes become one."""
    made = {op.output: op for op in graph.ops}
    for op in graph.ops:
        if graph.roles.get(op) != "reshape":
            continue
        source = op.inputs[0]
        while graph.roles.get(made.get(source)) == "reshape":
            source = made[source].inputs[0]
        op.inputs, op.target = (source,), reshaped
        op.args, op.kwargs = (Slot(source), graph.shapes[op.output]), {}
    same = {
        op.output: op.inputs[0]
        for op in graph.ops
        if graph.roles.get(op) == "reshape"
        and graph.shapes[op.output] == graph.shapes[op.inputs[0]]
    }
    for op in graph.ops:
        op.inputs = tuple(dict.fromkeys(same.get(v, v) for v in op.inputs))
        op.args, op.kwargs = mapped((op.args, op.kwargs), lambda x: _renamed(x, same))
    graph.outputs = tuple(same.get(v, v) for v in graph.outputs)
    graph.ops = [op for op in graph.ops if op.output not in same]


def _drop_unread(graph: Graph) -> None:
    """Calls whose results reach no output are no part of the network."""
    maker = {op.output: op for op in graph.ops}
    needed, todo = set(), list(graph.outputs)
    while todo:
        value = todo.pop()
        if value in maker and value not in needed:
            needed.add(value)
            todo += maker[value].inputs
    graph.ops = [op for op in graph.ops if op.output in needed]
