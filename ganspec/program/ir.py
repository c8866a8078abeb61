"""The program that a network is lowered to: a list of calls over values.

A program is evaluated (modules in memory), printed (plain PyTorch) or compared with another one.
This module imports torch, and none of the kinds.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from copy import copy
from dataclasses import dataclass, field
from functools import cached_property, partial

import torch
from torch import nn

from ganspec.language.errors import Mark
from ganspec.language.expr import Width


class Call:
    """A module class with constructor arguments, or a function with the arguments after its inputs.

    A block is a `Net` with the values of its parameters. `channels` is the number of channels of
    the result if the input has another; a `Width` stays symbolic. `wraps` are calls around the
    built module (`spectral_norm`). With `pack`, the inputs are passed as one list (`torch.cat`).
    `bare` is a call of the same shapes, built in its place to read shapes: without weight norms
    that the module takes as arguments, or without drawing weights.
    """

    __slots__ = ("args", "bare", "channels", "kwargs", "pack", "target", "wraps")

    def __init__(
        self,
        target: type[nn.Module] | Callable | Net,
        /,
        *args: object,
        channels: int | None = None,
        pack: bool = False,
        wraps: tuple[Call, ...] = (),
        bare: Call | None = None,
        **kwargs: object,
    ):
        self.target, self.args, self.kwargs = target, args, kwargs
        self.pack, self.wraps, self.bare = pack, wraps, bare
        if channels is not None and not isinstance(channels, Width):
            channels = Width(channels)
        self.channels: Width | None = channels

    @property
    def is_module(self) -> bool:
        """True if the call builds a module, which is then applied; False for a function."""
        return isinstance(self.target, Net) or (
            isinstance(self.target, type) and issubclass(self.target, nn.Module)
        )

    @property
    def function(self) -> Callable:
        """The class or function that is called. Must not be read from a call of a block."""
        assert not isinstance(self.target, Net)  # a block is evaluated step by step
        return self.target

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Call) and _key(self) == _key(other)

    def __hash__(self) -> int:
        return hash((self.target, len(self.args), self.pack))

    def __repr__(self) -> str:
        name = self.target.name if isinstance(self.target, Net) else self.target.__name__
        named = [f"{key}={value!r}" for key, value in self.kwargs.items()]
        return f"Call({', '.join([name, *map(repr, self.args), *named])})"

    def wrapped(self, wrap: Call | None) -> Call:
        """Return this call inside `wrap`."""
        if wrap is None:
            return self
        outer = copy(self)
        outer.wraps = (*self.wraps, wrap)
        return outer

    def apply(self, inputs: list[torch.Tensor]) -> torch.Tensor:
        """Return the result of the call's function on `inputs`; the call must not be a module's."""
        return self.function(*([inputs] if self.pack else inputs), *self.args, **self.kwargs)

    def build(self) -> nn.Module:
        """Return a new module, without `wraps`, on torch's default device. Not for a block."""
        named = {key: plain(value) for key, value in self.kwargs.items()}
        return self.function(*map(plain, self.args), **named)


def module_of(call: Call) -> nn.Module:
    """Return a new module with its weight norms. `call` must not call a block."""
    module = call.build()
    for wrap in call.wraps:
        module = wrap.function(module, **wrap.kwargs)
    return module


def _key(call: Call) -> tuple:
    """Return a key to compare calls by; equal `partial` functions have equal keys."""
    named = {key: _parts(value) for key, value in call.kwargs.items()}
    return (call.target, tuple(map(_parts, call.args)), named, call.channels, call.pack, call.wraps)


def _parts(argument: object) -> object:
    if isinstance(argument, partial):
        return (argument.func, argument.args, argument.keywords)
    return argument


def plain(argument: object) -> object:
    """Return an argument with a Width, or every Width in a tuple, as an int."""
    if isinstance(argument, Width):
        return int(argument)
    if isinstance(argument, tuple):
        return tuple(map(plain, argument))
    return argument


def non_defaults(call: Call) -> dict[str, object]:
    """Return the call's keyword arguments that differ from the target's defaults.

    A symbolic width always counts as different, since other values of its names are possible.
    """
    parameters = inspect.signature(call.function).parameters
    return {
        key: value
        for key, value in call.kwargs.items()
        if key not in parameters or not _is_default(value, parameters[key].default)
    }


def _is_default(value: object, default: object) -> bool:
    if isinstance(value, bool) != isinstance(default, bool):
        return False
    if isinstance(value, Width) and value.symbolic:
        return False
    return value is default or value == default


@dataclass(frozen=True)
class Origin:
    """The layer of the spec that a step came from."""

    path: str
    kind: str
    mark: Mark | None = field(default=None, compare=False)


@dataclass(frozen=True)
class Value:
    """A tensor of the program: its shape without the batch, and its number of channels.

    A label of one class is an index: int64 of shape (), with as many channels as there are classes.
    """

    id: int
    shape: tuple[int, ...]
    channels: Width
    origin: Origin | None = None
    is_index: bool = False

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of a map."""
        return self.shape[1], self.shape[2]

    @property
    def is_map(self) -> bool:
        """True if the shape is channels x height x width."""
        return len(self.shape) == 3

    def tensor(self, batch: int) -> torch.Tensor:
        """Return zeros of this shape for `batch` images, which may be 0."""
        dtype = torch.int64 if self.is_index else torch.get_default_dtype()
        return torch.zeros((batch, *self.shape), dtype=dtype)

    def __str__(self) -> str:
        return " x ".join(map(str, self.shape))


# Ids of a network's inputs; the ids of its steps' outputs count from 0.
START, LABEL = -1, -2


@dataclass(frozen=True)
class Step:
    """One call of a program: `output = call(inputs)`, with `inputs` as ids of values."""

    call: Call
    inputs: tuple[int, ...]
    output: Value
    origin: Origin
    branch: str | None = None  # attribute name for its modules, such as `label`
    tap: str | None = None  # name that the spec gives the value, by `as:`
    initialize: Call | None = None  # fills this layer's weights, after the network's

    @property
    def is_module(self) -> bool:
        return self.call.is_module


@dataclass(frozen=True)
class Input:
    """An argument of `forward`; `role` is `latent`, `image`, `label` or `value`."""

    name: str
    value: Value
    role: str = "value"


def start_input(
    shape: tuple[int, ...], channels: Width | None = None, role: str = "value"
) -> Input:
    """Return the first input of a network: `z` for latents, `x` for everything else."""
    channels = Width(shape[0] if shape else 1) if channels is None else channels
    return Input("z" if role == "latent" else "x", Value(START, shape, channels), role)


def label_input(size: Width, is_index: bool) -> Input:
    """Return the label as an input: the index of one of `size` classes, or `size` 0s and 1s."""
    value = Value(LABEL, () if is_index else (int(size),), size, is_index=is_index)
    return Input("y", value, "label")


@dataclass(frozen=True)
class Net:
    """The program of a network or a block.

    `params` are the constructor's parameters and their values. `outputs` are the values that
    `forward` returns, by name, the main one first.
    """

    name: str
    doc: str
    params: dict[str, Width]
    inputs: tuple[Input, ...]
    steps: tuple[Step, ...]
    outputs: dict[str, Value]
    initialize: Call | None = None
    is_block: bool = False

    def __hash__(self) -> int:
        return hash((self.name, len(self.steps)))

    @property
    def conditional(self) -> bool:
        """True if `forward` takes labels."""
        return any(start.role == "label" for start in self.inputs)

    def values(self) -> Iterator[Value]:
        """Yield the inputs and every step's output, those inside blocks too."""
        for start in self.inputs:
            yield start.value
        for step in self.steps:
            yield step.output
            if isinstance(step.call.target, Net):
                yield from step.call.target.values()

    @property
    def output(self) -> Value:
        """The first value that `forward` returns."""
        return next(iter(self.outputs.values()))

    @property
    def heads(self) -> tuple[Value, ...]:
        """The values that `forward` returns after the first."""
        return tuple(self.outputs.values())[1:]

    def leaves(self) -> Iterator[Step]:
        """Yield every step in order; a block's steps replace the step that calls the block."""
        for step in self.steps:
            if isinstance(step.call.target, Net):
                yield from step.call.target.leaves()
            else:
                yield step

    @cached_property
    def uses(self) -> dict[int, int]:
        """Number of times that each value is read or returned, by its id."""
        count = dict.fromkeys((value.id for value in self.outputs.values()), 1)
        for step in self.steps:
            for value in step.inputs:
                count[value] = count.get(value, 0) + 1
        return count
