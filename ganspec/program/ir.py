"""The program that a network is lowered to: a list of calls over values.

One program is evaluated (modules in memory), printed (plain PyTorch) and compared. It knows
torch and nothing of the language's kinds.
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
    """A module class with constructor arguments, or a function with arguments after its inputs.

    `channels` is the symbolic width of the result where it differs from the input's, `wraps` are
    calls laid around the built module (`spectral_norm`), `pack` hands the inputs over as one
    list (`torch.cat`). `bare` is the same call without weight norms, where those are arguments:
    shapes are read off it.
    """

    __slots__ = ("args", "bare", "channels", "kwargs", "pack", "target", "wraps")

    def __init__(
        self,
        target: type[nn.Module] | Callable | Net,
        /,
        *args: object,
        channels: Width | None = None,
        pack: bool = False,
        wraps: tuple[Call, ...] = (),
        bare: Call | None = None,
        **kwargs: object,
    ):
        self.target, self.args, self.kwargs = target, args, kwargs
        self.channels, self.pack, self.wraps, self.bare = channels, pack, wraps, bare

    @property
    def is_module(self) -> bool:
        """Whether this builds a module, which then is applied, or is a function itself."""
        return isinstance(self.target, Net) or (
            isinstance(self.target, type) and issubclass(self.target, nn.Module)
        )

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Call) and _key(self) == _key(other)

    def __hash__(self) -> int:
        return hash((self.target, len(self.args), self.pack))

    def __repr__(self) -> str:
        name = getattr(self.target, "__name__", None) or self.target.name
        named = [f"{key}={value!r}" for key, value in self.kwargs.items()]
        return f"Call({', '.join([name, *map(repr, self.args), *named])})"

    def wrapped(self, wrap: Call | None) -> Call:
        """The same call with `wrap` laid around it."""
        if wrap is None:
            return self
        wrapped = copy(self)
        wrapped.wraps = (*self.wraps, wrap)
        return wrapped

    def apply(self, inputs: list) -> object:
        """What a function's call makes of `inputs`."""
        return self.target(*([inputs] if self.pack else inputs), *self.args, **self.kwargs)

    def build(self) -> nn.Module:
        """Return the bare module; on the meta device where that is the default device."""
        return self.target(*map(plain, self.args), **{k: plain(v) for k, v in self.kwargs.items()})


def _key(call: Call) -> tuple:
    """Return what two equal calls share; functions with bound arguments compare by these."""
    named = {key: _parts(value) for key, value in call.kwargs.items()}
    return (call.target, tuple(map(_parts, call.args)), named, call.channels, call.pack, call.wraps)


def _parts(argument: object) -> object:
    if isinstance(argument, partial):
        return (argument.func, argument.args, argument.keywords)
    return argument


def plain(argument: object) -> object:
    """An argument as torch wants it: a Width as an int, a Call as what it stands for."""
    if isinstance(argument, Width):
        return int(argument)
    if isinstance(argument, tuple):
        return tuple(map(plain, argument))
    return argument


def given(call: Call) -> dict[str, object]:
    """Return the call's keyword arguments that differ from the target's defaults."""
    parameters = inspect.signature(call.target).parameters
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
    """A tensor of the program: shape without the batch, and its symbolic channel count.

    Labels of one class each are an index: of shape (), int64, with as many channels as classes.
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
        return len(self.shape) == 3

    def tensor(self, batch: int) -> torch.Tensor:
        """Such a tensor, for a look at what calls make of it: zeros, or of no images at all."""
        dtype = torch.int64 if self.is_index else torch.get_default_dtype()
        return torch.zeros((batch, *self.shape), dtype=dtype)

    def __str__(self) -> str:
        return " x ".join(map(str, self.shape))


# Values that no step makes; the steps of a program count from 0.
START, LABEL = -1, -2


@dataclass(frozen=True)
class Step:
    """`output = call(inputs)`."""

    call: Call
    inputs: tuple[int, ...]
    output: Value
    origin: Origin
    branch: str | None = None  # the name of the modules around it
    tap: str | None = None  # the name that the spec gave the value
    initialize: Call | None = None  # this layer's own initial weights

    @property
    def is_module(self) -> bool:
        return self.call.is_module


@dataclass(frozen=True)
class Input:
    """An argument of `forward`; `role` is what it is: `latent`, `image`, `label` or `value`."""

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
    """Return the label as an input: an index of one of `size` classes, or `size` marks."""
    value = Value(LABEL, () if is_index else (int(size),), size, is_index=is_index)
    return Input("y", value, "label")


@dataclass(frozen=True)
class Net:
    """A network's or block's program; `params` are its constructor's names and numbers.

    `outputs` are the values that it returns by name, the main one first.
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
        """Whether `forward` takes the labels, too."""
        return any(start.role == "label" for start in self.inputs)

    @property
    def output(self) -> Value:
        """The main output."""
        return next(iter(self.outputs.values()))

    @property
    def heads(self) -> tuple[Value, ...]:
        """The outputs besides the main one."""
        return tuple(self.outputs.values())[1:]

    def leaves(self) -> Iterator[Step]:
        """Yield every step with blocks opened, in order."""
        for step in self.steps:
            if isinstance(step.call.target, Net):
                yield from step.call.target.leaves()
            else:
                yield step

    @cached_property
    def uses(self) -> dict[int, int]:
        """How often each value is read, `return` included."""
        count = dict.fromkeys((value.id for value in self.outputs.values()), 1)
        for step in self.steps:
            for value in step.inputs:
                count[value] = count.get(value, 0) + 1
        return count
