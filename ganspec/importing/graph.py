"""The graph of a network's torch calls.

A value is an int that stands for one tensor: an input of the network, or the output of a call.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn
from torch.nn.utils import parametrize

BATCH = 3  # images in a random batch
# errors that code raises on shapes and values that it does not support
FAILURES = (RuntimeError, ValueError, TypeError, IndexError, AttributeError, AssertionError)

Shape = tuple[int, ...]


def sized(shape: Shape) -> str:
    """Return a shape as text, such as `3 x 32 x 32`; `1` for the shape ()."""
    return " x ".join(map(str, shape)) or "1"


@dataclass(frozen=True)
class Slot:
    """Placeholder for a value among the arguments of a recorded call."""

    value: int


@dataclass(eq=False)
class RecordedCall:
    """`output = target(*args, **kwargs)`: a call of one module, or of one function.

    The arguments have a Slot in place of each tensor of the graph; `inputs` are the values in these
    slots, each once. `path` is the module's attribute path, `""` for a function. `scopes` are the
    indices in `RecordedGraph.scopes` of the user's modules that were running, outermost first. A
    call that returns `count` tensors is recorded once for each, with the tensor's `index` from 0.
    """

    target: Callable[..., Any]
    args: tuple
    kwargs: dict
    inputs: tuple[int, ...]
    output: int
    path: str = ""
    scopes: tuple[int, ...] = ()
    count: int = 1
    index: int = 0

    @property
    def module(self) -> nn.Module | None:
        return self.target if isinstance(self.target, nn.Module) else None

    @property
    def has_state(self) -> bool:
        """True if the call is of a module with weights or statistics."""
        return self.module is not None and bool(self.module.state_dict())

    @property
    def name(self) -> str:
        """Name of the module's class, or of the function."""
        if self.module is not None:
            return parametrize.type_before_parametrizations(self.module).__name__
        return getattr(self.target, "__name__", "function").strip("_")

    @property
    def operands(self) -> list[int]:
        """The values among the arguments, in order; a value used twice comes twice."""
        slots = leaves((self.args, self.kwargs))
        return [slot.value for slot in slots if isinstance(slot, Slot)]

    def run(self, values: dict[int, torch.Tensor]) -> torch.Tensor:
        """Return the output of the call, with copies of `values` as its inputs."""
        inputs = {i: values[i].clone() for i in self.inputs}
        args, kwargs = mapped(
            (self.args, self.kwargs),
            lambda leaf: inputs[leaf.value] if isinstance(leaf, Slot) else leaf,
        )
        return list(tensors(self.target(*args, **kwargs)))[self.index]


@dataclass(eq=False)
class ModuleCall:
    """A call of a module that the user wrote.

    `outer` are the indices in `RecordedGraph.scopes` of the calls around it, outermost first.
    """

    module: nn.Module
    path: str
    inputs: tuple[int, ...]
    outer: tuple[int, ...]
    outputs: tuple[int, ...] = ()


@dataclass(eq=False)
class RecordedGraph:
    """The data flow from a network's inputs to its outputs, with `calls` in the order they ran.

    `shapes` and `dtypes` are by value, shapes without the batch. `roles` has the word `reshape`,
    `add`, `mul` or `cat` for each call that does only this, whatever function it calls. `scopes`
    are the calls of the user's modules.
    """

    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    calls: list[RecordedCall]
    scopes: list[ModuleCall]
    shapes: dict[int, Shape]
    dtypes: dict[int, torch.dtype]
    roles: dict[RecordedCall, str] = field(default_factory=dict)

    def is_reshape(self, call: RecordedCall) -> bool:
        return self.roles.get(call) == "reshape"

    def within(self, scope: int) -> list[RecordedCall]:
        """Return the calls inside the user's module with the index `scope`."""
        return [call for call in self.calls if scope in call.scopes]

    def before(self, *values: int) -> set[int]:
        """Return `values` and all values that they depend on."""
        needed = set(values)
        for call in reversed(self.calls):
            if call.output in needed:
                needed.update(call.inputs)
        return needed

    def after(self, value: int) -> set[int]:
        """Return `value` and all values that depend on it."""
        derived = {value}
        for call in self.calls:
            if derived & set(call.inputs):
                derived.add(call.output)
        return derived

    def between(self, start: int, end: int) -> list[RecordedCall]:
        """Return every call that is on a path from the value `start` to the value `end`."""
        values = (self.after(start) & self.before(end)) - {start}
        return [call for call in self.calls if call.output in values]

    def random(self, value: int, scale: float = 1.0, seed: int = 0) -> torch.Tensor:
        """Return a random batch for a value: normal numbers times `scale`, or 0s and 1s for ints.

        Floats have the value's type, so that a cast to another type is noticed.
        """
        generator = torch.Generator().manual_seed(seed)
        shape = (BATCH, *self.shapes[value])
        dtype = self.dtypes[value]
        if not dtype.is_floating_point:
            return torch.randint(0, 2, shape, generator=generator)
        return (torch.randn(shape, generator=generator) * scale).to(dtype)


# -- arguments --------------------------------------------------------------------------------
# Arguments of recorded calls can have any type, hence `Any` below.


def leaves(tree: Any) -> Iterator[Any]:
    """Yield the innermost parts of nested tuples, lists, dicts and slices."""
    if isinstance(tree, slice):
        tree = (tree.start, tree.stop, tree.step)
    if isinstance(tree, dict):
        tree = list(tree.values())
    if isinstance(tree, (tuple, list)):
        for part in tree:
            yield from leaves(part)
    else:
        yield tree


def tensors(tree: Any) -> Iterator[torch.Tensor]:
    """Yield the tensors in nested tuples, lists, dicts and slices."""
    return (leaf for leaf in leaves(tree) if isinstance(leaf, torch.Tensor))


def mapped(tree: Any, change: Callable[[Any], Any]) -> Any:
    """Return a copy of nested tuples, lists, dicts and slices; `change` is applied to each leaf."""
    if isinstance(tree, slice):
        return slice(*(mapped(part, change) for part in (tree.start, tree.stop, tree.step)))
    if isinstance(tree, (tuple, list)):
        parts = [mapped(part, change) for part in tree]
        return tuple(parts) if isinstance(tree, tuple) else parts
    if isinstance(tree, dict):
        return {key: mapped(part, change) for key, part in tree.items()}
    return change(tree)
