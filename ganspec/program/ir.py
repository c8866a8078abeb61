"""The program that a network is lowered to: a list of calls over values.

A program is evaluated (modules in memory), printed (plain PyTorch) or compared with another one.
"""

from __future__ import annotations

import inspect
from collections import Counter
from collections.abc import Callable, Iterator
from copy import copy
from dataclasses import dataclass, field
from functools import cached_property, partial

import torch
from torch import nn

from ganspec.language.errors import Mark
from ganspec.language.expr import Width


class Call:
    """A class of modules, or a function of tensors, with its arguments.

    The arguments of a class are those of its constructor; those of a function follow the tensors
    that it reads. The target of a block's call is a `Net`, and its arguments are the values of the
    block's parameters. `channels` is the result's number of channels, or None if the input has as
    many. `wraps` are calls around the built module (`spectral_norm`). With `pack`, the tensors are
    passed as one sequence (`torch.cat`). `bare` is a cheaper call that gives the same shapes: its
    module has no weight norms, or draws no weights.
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
        """The class or function that is called. Not for a block."""
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
        """Return this call with `wrap` as its outermost wrap; unchanged if `wrap` is None."""
        if wrap is None:
            return self
        outer = copy(self)
        outer.wraps = (*self.wraps, wrap)
        return outer

    def by_name(self) -> Call:
        """Return the call with its arguments by name.

        The first parameter of the class or function, such as a weight, is not among them. Raise
        TypeError if it does not take the arguments.
        """
        named = copy(self)
        bound = inspect.signature(self.function).bind(None, *self.args, **self.kwargs)
        given = list(bound.arguments)[1 : 1 + len(self.args)]
        named.kwargs = {name: bound.arguments[name] for name in given} | self.kwargs
        named.args = ()
        return named

    def apply(self, *inputs: torch.Tensor) -> torch.Tensor:
        """Return the function's result for the tensors `inputs`. Not if `is_module`."""
        return self.function(*([inputs] if self.pack else inputs), *self.args, **self.kwargs)

    def build(self) -> nn.Module:
        """Return a new module on torch's default device, without `wraps`. Not for a block."""
        named = {key: plain(value) for key, value in self.kwargs.items()}
        return self.function(*map(plain, self.args), **named)


def module_of(call: Call) -> nn.Module:
    """Return a new module of `call`, inside its `wraps`. Not for a block."""
    module = call.build()
    for wrap in call.wraps:
        module = wrap.function(module, **wrap.kwargs)
    return module


def _key(call: Call) -> tuple:
    """Return a key that is the same for equal calls; `partial`s are compared by their parts."""
    named = {key: _parts(value) for key, value in call.kwargs.items()}
    return (call.target, tuple(map(_parts, call.args)), named, call.channels, call.pack, call.wraps)


def _parts(argument: object) -> object:
    if isinstance(argument, partial):
        return (argument.func, argument.args, argument.keywords)
    return argument


def plain(argument: object) -> object:
    """Return an argument with plain ints in place of Widths, also within tuples."""
    if isinstance(argument, Width):
        return int(argument)
    if isinstance(argument, tuple):
        return tuple(map(plain, argument))
    return argument


def single(value: object) -> object:
    """Return the number in a tuple of equal numbers, 2 for (2, 2); other values unchanged."""
    return value[0] if isinstance(value, tuple) and len(set(value)) == 1 else value


@dataclass(frozen=True)
class Origin:
    """The layer or condition that a step came from; `path` is its key path from the spec's root.

    `kind` is its kind, or the block that it calls. `unread` are its fields that are `unknown`.
    `lost` has `params`, `macs` or `output` if that count or shape depends on unknown labels.
    """

    path: str
    kind: str
    mark: Mark | None = field(default=None, compare=False)
    unread: tuple[str, ...] = field(default=(), compare=False)
    lost: tuple[str, ...] = field(default=(), compare=False)


@dataclass(frozen=True)
class Value:
    """A tensor of the program: its shape without the batch, and its number of channels.

    `origin` is None for a network's input, except for labels of unknown size. A label of one class
    is an index: an int64 of shape (), whose `channels` are the number of classes.
    """

    id: int
    shape: tuple[int, ...]
    channels: Width
    origin: Origin | None = None
    is_index: bool = False

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of a map. Not for a vector."""
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


# Ids of a network's first input and of its label. All other values have ids from 0.
START, LABEL = -1, -2


@dataclass(frozen=True)
class Step:
    """One call of a program: `output = call(inputs)`, with `inputs` as ids of values."""

    call: Call
    inputs: tuple[int, ...]
    output: Value
    origin: Origin
    branch: str | None = None  # attribute name for its modules, such as `label`
    tap: str | None = None  # the name that the spec gives the output by `as:`
    initialize: Call | None = None  # the layer's own `init`, called after the network's

    @property
    def is_module(self) -> bool:
        return self.call.is_module

    @property
    def may_be_normed(self) -> bool:
        """True if the module may have a weight norm, as a wrap or as an argument."""
        return bool(self.call.wraps) or any(callable(v) for v in self.call.kwargs.values())


@dataclass(frozen=True)
class Input:
    """An argument of `forward`; `role` is `latent`, `image`, `label` or `value`."""

    name: str
    value: Value
    role: str = "value"


def start_input(
    shape: tuple[int, ...], channels: Width | None = None, role: str = "value"
) -> Input:
    """Return the first input of a network: `z` for latents, `x` for everything else.

    `shape` is without the batch. `channels` is `shape[0]` by default.
    """
    channels = Width(shape[0] if shape else 1) if channels is None else channels
    return Input("z" if role == "latent" else "x", Value(START, shape, channels), role)


def label_input(size: Width, is_index: bool) -> Input:
    """Return the label as an input: one of `size` classes if `is_index`, else `size` 0s and 1s."""
    value = Value(LABEL, () if is_index else (int(size),), size, is_index=is_index)
    return Input("y", value, "label")


@dataclass(frozen=True)
class Net:
    """The program of a network or a block.

    `params` are the parameters of the emitted class, with the values that the spec gives them.
    `outputs` are the values that `forward` returns, by name, the main output first. `initialize`
    fills the weights of the whole network.
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

    @cached_property
    def values(self) -> dict[int, Value]:
        """The inputs and the outputs of all steps, also of steps inside blocks, by their ids."""
        values = {start.value.id: start.value for start in self.inputs}
        for step in self.steps:
            values[step.output.id] = step.output
            if isinstance(step.call.target, Net):
                values |= step.call.target.values
        return values

    @property
    def output(self) -> Value:
        """The main output: the first value that `forward` returns."""
        return next(iter(self.outputs.values()))

    @property
    def heads(self) -> tuple[Value, ...]:
        """The values that `forward` returns after the first."""
        return tuple(self.outputs.values())[1:]

    def leaves(self) -> Iterator[Step]:
        """Yield the steps in order, with a block's steps in place of the step that calls it."""
        for step in self.steps:
            if isinstance(step.call.target, Net):
                yield from step.call.target.leaves()
            else:
                yield step

    @cached_property
    def uses(self) -> Counter[int]:
        """Number of times that steps read a value, by its id; one more if `forward` returns it."""
        returned = {value.id for value in self.outputs.values()}
        return Counter([*returned, *(i for step in self.steps for i in step.inputs)])
