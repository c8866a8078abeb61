"""The program that a network is lowered to: a list of calls over values.

One program is evaluated (modules in memory), printed (plain PyTorch) and compared. It knows
torch and nothing of the language's kinds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from copy import copy
from dataclasses import dataclass, field, replace
from functools import cached_property

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
        """The module without its wraps; on the meta device where that is the default device."""
        return self.target(*map(plain, self.args), **{k: plain(v) for k, v in self.kwargs.items()})


def plain(argument: object) -> object:
    """An argument as torch wants it: a Width as an int, a Call as what it stands for."""
    if isinstance(argument, Width):
        return int(argument)
    if isinstance(argument, tuple):
        return tuple(map(plain, argument))
    return argument


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


@dataclass(frozen=True)
class Step:
    """`output = call(inputs)`, or a chain of such steps applied one after another."""

    call: Call
    inputs: tuple[int, ...]
    output: Value
    origin: Origin
    branch: str | None = None  # what a chain that ends here would be called
    tap: str | None = None  # the name that the spec gave the value
    initialize: Call | None = None  # this layer's own initial weights
    chain: tuple[Step, ...] = ()
    name: str | None = None  # the module's attribute

    @property
    def is_module(self) -> bool:
        return bool(self.chain) or self.call.is_module


@dataclass(frozen=True)
class Input:
    """An argument of `forward`."""

    name: str
    value: Value


@dataclass(frozen=True)
class Net:
    """A network's or block's program; `params` are its constructor's names and numbers.

    `heads` are values that it gives back besides its output, as a tuple with it.
    """

    name: str
    doc: str
    params: dict[str, Width]
    inputs: tuple[Input, ...]
    steps: tuple[Step, ...]
    output: Value
    initialize: Call | None = None
    is_block: bool = False
    heads: tuple[Value, ...] = ()

    @property
    def conditional(self) -> bool:
        """Whether `forward` takes the labels, too."""
        return len(self.inputs) > 1

    @property
    def results(self) -> tuple[Value, ...]:
        """What it gives back: the output, and heads after it."""
        return (self.output, *self.heads)

    def flat(self) -> Iterator[Step]:
        """Every step with chains opened, in order."""
        for step in self.steps:
            yield from step.chain or (step,)

    def leaves(self) -> Iterator[Step]:
        """Every step with chains and blocks opened, in order."""
        for step in self.flat():
            if isinstance(step.call.target, Net):
                yield from step.call.target.leaves()
            else:
                yield step

    @cached_property
    def uses(self) -> dict[int, int]:
        """How often each value is read, `return` included."""
        count = dict.fromkeys((value.id for value in self.results), 1)
        for step in self.steps:
            for value in step.inputs:
                count[value] = count.get(value, 0) + 1
        return count

    def with_steps(self, steps: list[Step]) -> Net:
        return replace(self, steps=tuple(steps))
