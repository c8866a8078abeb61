"""What a network does to its input: every module and function that it calls, in order.

The network is run once on random numbers. Modules of torch are taken whole; inside any other the
functions of torch are noted one by one. So control flow that depends on shapes or devices is
followed, where `torch.fx` would stop at it.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import torch
from torch import nn
from torch.nn.utils import parametrize
from torch.overrides import TorchFunctionMode

BATCH = 3
CONTAINERS = (nn.Sequential, nn.ModuleList, nn.ModuleDict, nn.DataParallel)


@dataclass(frozen=True)
class Slot:
    """Where a value stands among the arguments of a call."""

    value: int


@dataclass(eq=False)
class Op:
    """`output = target(arguments)`: one module or function of torch that ran.

    `scopes` are the user's own modules around it, as calls of the recording, outermost first.
    """

    target: nn.Module | Callable
    args: tuple
    kwargs: dict
    inputs: tuple[int, ...]
    output: int
    path: str
    scopes: tuple[int, ...]
    made: int = 1  # tensors that the call gives back
    index: int = 0  # which of them is `output`

    @property
    def module(self) -> nn.Module | None:
        return self.target if isinstance(self.target, nn.Module) else None

    @property
    def name(self) -> str:
        """What the code calls it: `nn.Conv2d`'s class name, or the function's name."""
        if self.module is not None:
            return parametrize.type_before_parametrizations(self.module).__name__
        return getattr(self.target, "__name__", "function").strip("_")

    def run(self, values: dict[int, torch.Tensor]) -> torch.Tensor:
        """The call again on other values, which it cannot change."""
        inputs = {i: values[i].clone() for i in self.inputs}
        args, kwargs = filled((self.args, self.kwargs), inputs)
        return list(tensors(self.target(*args, **kwargs)))[self.index]


@dataclass(eq=False)
class ModuleCall:
    """One call of a module that the user wrote."""

    module: nn.Module
    path: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...] = ()
    outer: tuple[int, ...] = ()


@dataclass(eq=False)
class Recording:
    """A network's calls as data flow: values are numbers, `tensors` what they were."""

    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    ops: list[Op]
    scopes: list[ModuleCall]
    shapes: dict[int, tuple[int, ...]] = field(default_factory=dict)
    dtypes: dict[int, torch.dtype] = field(default_factory=dict)


class Recorder(TorchFunctionMode):
    """Notes the calls of a network while it runs."""

    def __init__(self):
        super().__init__()
        self.inside = 0  # torch's own modules that are running
        self.values: dict[int, int] = {}  # id of a tensor -> value
        self.kept: list[torch.Tensor] = []  # alive, so that no id is given twice
        self.tensors: list[torch.Tensor] = []
        self.ops: list[Op] = []
        self.scopes: list[ModuleCall] = []
        self.open: list[int] = []

    def __torch_function__(self, func, types, args=(), kwargs=None):
        known = self.known((args, kwargs or {})) if not self.inside else ()
        result = func(*args, **(kwargs or {}))
        if known:
            self.note(func, "", args, kwargs or {}, result)
        return result

    def known(self, arguments: object) -> tuple[int, ...]:
        """The values among a call's arguments, each once."""
        found = (self.values.get(id(t)) for t in tensors(arguments))
        return tuple(dict.fromkeys(v for v in found if v is not None))

    def value(self, tensor: torch.Tensor) -> int:
        """A new value; where a call changed its input, the tensor goes by the new one from now."""
        number = len(self.tensors)
        self.values[id(tensor)] = number
        self.kept.append(tensor)
        self.tensors.append(tensor)
        return number

    def note(self, target, path: str, args: tuple, kwargs: dict, result: object) -> None:
        slots = slotted((args, kwargs), self.values)
        inputs, made = self.known((args, kwargs)), list(tensors(result))
        for index, tensor in enumerate(made):
            scopes, output = tuple(self.open), self.value(tensor)
            self.ops.append(Op(target, *slots, inputs, output, path, scopes, len(made), index))

    # -- hooks --------------------------------------------------------------------------------

    def watch(self, network: nn.Module) -> list:
        """Hooks on every module; the handles that take them away."""
        handles = []
        for path, module in network.named_modules():
            if is_container(module):
                continue
            enter, leave = self.leaf(path) if base(module) else self.scope(path)
            # before hooks that compute a weight norm: they are the module's own
            handles.append(module.register_forward_pre_hook(enter, prepend=True, with_kwargs=True))
            handles.append(module.register_forward_hook(leave, with_kwargs=True))
        return handles

    def leaf(self, path: str) -> tuple[Callable, Callable]:
        def enter(module, args, kwargs):
            self.inside += 1

        def leave(module, args, kwargs, result):
            # what a module gives back untouched, as dropout does, is a value of its own, too
            same = any(result is t for t in tensors((args, kwargs)))
            if same and not getattr(module, "inplace", False):
                result = result.view_as(result)
            self.inside -= 1
            if not self.inside:
                self.note(module, path, args, kwargs, result)
            return result

        return enter, leave

    def scope(self, path: str) -> tuple[Callable, Callable]:
        def enter(module, args, kwargs):
            if not self.inside:
                inputs = self.known((args, kwargs))
                self.scopes.append(ModuleCall(module, path, inputs, outer=tuple(self.open)))
                self.open.append(len(self.scopes) - 1)

        def leave(module, args, kwargs, result):
            if not self.inside:
                self.scopes[self.open.pop()].outputs = self.known(result)

        return enter, leave


def record(network: nn.Module, inputs: list[torch.Tensor]) -> Recording:
    """`network` run on `inputs`, noted; raises what the network raises."""
    recorder = Recorder()
    starts = tuple(recorder.value(t) for t in inputs)
    handles = recorder.watch(network)
    try:
        with torch.no_grad(), warnings.catch_warnings(), recorder:
            warnings.simplefilter("ignore")
            result = network(*inputs)
    finally:
        for handle in handles:
            handle.remove()
    recording = Recording(starts, recorder.known(result), recorder.ops, recorder.scopes)
    for value, tensor in enumerate(recorder.tensors):
        recording.shapes[value] = tuple(tensor.shape[1:])
        recording.dtypes[value] = tensor.dtype
    return recording


def is_container(module: nn.Module) -> bool:
    """Whether `module` only runs others, as torch's own containers do."""
    return isinstance(module, CONTAINERS) and type(module).forward in FORWARDS


FORWARDS = {cls.forward for cls in CONTAINERS}


def base(module: nn.Module) -> type[nn.Module] | None:
    """The class of torch whose `forward` a module runs; None where that is the user's own."""
    cls = parametrize.type_before_parametrizations(module)
    for parent in cls.__mro__:
        if parent.forward is not cls.forward:
            return None
        if parent.__module__.startswith("torch."):
            return parent
    return None


def tensors(tree: object) -> Iterator[torch.Tensor]:
    """The tensors in nested tuples, lists, maps and slices."""
    if isinstance(tree, torch.Tensor):
        yield tree
    elif isinstance(tree, slice):
        yield from tensors((tree.start, tree.stop, tree.step))
    elif isinstance(tree, (tuple, list)):
        for part in tree:
            yield from tensors(part)
    elif isinstance(tree, dict):
        yield from tensors(list(tree.values()))


def mapped(tree: object, change: Callable) -> object:
    """`tree` with `change` applied to its leaves."""
    if isinstance(tree, slice):
        return slice(*(mapped(part, change) for part in (tree.start, tree.stop, tree.step)))
    if isinstance(tree, (tuple, list)):
        parts = [mapped(part, change) for part in tree]
        return tuple(parts) if isinstance(tree, tuple) else parts
    if isinstance(tree, dict):
        return {key: mapped(part, change) for key, part in tree.items()}
    return change(tree)


def slotted(tree: object, values: dict[int, int]) -> object:
    """`tree` with slots for the tensors that are values."""

    def change(leaf):
        is_value = isinstance(leaf, torch.Tensor) and id(leaf) in values
        return Slot(values[id(leaf)]) if is_value else leaf

    return mapped(tree, change)


def filled(tree: object, values: dict[int, torch.Tensor]) -> object:
    """`tree` with tensors in its slots."""
    return mapped(tree, lambda leaf: values[leaf.value] if isinstance(leaf, Slot) else leaf)
