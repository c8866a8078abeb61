"""Recording of a network's calls of torch modules and functions, in order.

The network runs once. A torch module is recorded as one call; in the user's modules every call of a
torch function that reads a recorded tensor is recorded. Unlike `torch.fx`, this follows control
flow that depends on shapes or devices.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.nn.utils import parametrize
from torch.overrides import TorchFunctionMode
from torch.utils.hooks import RemovableHandle

from ganspec.importing.graph import ModuleCall, RecordedCall, RecordedGraph, Slot, mapped, tensors

CONTAINERS = (nn.Sequential, nn.ModuleList, nn.ModuleDict, nn.DataParallel)
FORWARDS = {cls.forward for cls in CONTAINERS}


class CallRecorder(TorchFunctionMode):
    """Recorder of the calls that a network makes while it runs."""

    def __init__(self) -> None:
        super().__init__()
        self.inside = 0  # number of torch modules that are running, one inside another
        self.values: dict[int, int] = {}  # id of a tensor -> value
        self.tensors: list[torch.Tensor] = []  # by value; kept alive, so that ids stay unique
        self.calls: list[RecordedCall] = []
        self.scopes: list[ModuleCall] = []
        self.open: list[int] = []  # indices of the scopes that are running, outermost first

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        result = func(*args, **kwargs)
        if not self.inside and self.values_in((args, kwargs)):
            self.note(func, "", args, kwargs, result)
        return result

    def values_in(self, arguments: Any) -> tuple[int, ...]:
        """Return the values of the recorded tensors among a call's arguments, each once.

        Tensors that were not recorded are left out.
        """
        values = (self.values.get(id(tensor)) for tensor in tensors(arguments))
        return tuple(dict.fromkeys(value for value in values if value is not None))

    def add_value(self, tensor: torch.Tensor) -> int:
        """Record `tensor` as a new value, even if it is recorded already, and return the value."""
        number = len(self.tensors)
        self.values[id(tensor)] = number
        self.tensors.append(tensor)
        return number

    def note(
        self, target: Callable[..., Any], path: str, args: tuple, kwargs: dict, result: Any
    ) -> None:
        """Record a call, once for each tensor that it returns."""
        inputs = self.values_in((args, kwargs))
        args, kwargs = mapped((args, kwargs), self.slot)
        outputs = list(tensors(result))
        for index, tensor in enumerate(outputs):
            place = path, tuple(self.open), len(outputs), index
            call = RecordedCall(target, args, kwargs, inputs, self.add_value(tensor), *place)
            self.calls.append(call)

    def slot(self, leaf: Any) -> Any:
        """Return a slot for a recorded tensor, and any other argument unchanged."""
        is_value = isinstance(leaf, torch.Tensor) and id(leaf) in self.values
        return Slot(self.values[id(leaf)]) if is_value else leaf

    # -- hooks --------------------------------------------------------------------------------

    def watch(self, network: nn.Module) -> list[RemovableHandle]:
        """Add hooks that record each module, except containers with torch's own `forward`.

        Return handles that remove the hooks.
        """
        handles = []
        for path, module in network.named_modules():
            if isinstance(module, CONTAINERS) and type(module).forward in FORWARDS:
                continue  # a container only runs other modules
            hooks = self.leaf_hooks if torch_class_of(module) else self.scope_hooks
            enter, leave = hooks(path)
            # prepended, so that hooks that compute a weight norm run as part of the module
            handles.append(module.register_forward_pre_hook(enter, prepend=True, with_kwargs=True))
            handles.append(module.register_forward_hook(leave, with_kwargs=True))
        return handles

    def leaf_hooks(self, path: str) -> tuple[Callable, Callable]:
        """Return the two hooks that record a torch module as one call."""

        def enter(module, args, kwargs):
            self.inside += 1

        def leave(module, args, kwargs, result):
            # a module may return the tensor that it read, as `nn.Identity` does: a view of it is
            # recorded as a new value, and the input stays the value that it was
            same = any(result is t for t in tensors((args, kwargs)))
            if same and not getattr(module, "inplace", False):
                result = result.view_as(result)
            self.inside -= 1
            if not self.inside:
                self.note(module, path, args, kwargs, result)
            return result

        return enter, leave

    def scope_hooks(self, path: str) -> tuple[Callable, Callable]:
        """Return the two hooks that record the beginning and the end of a user's module."""

        def enter(module, args, kwargs):
            if not self.inside:
                inputs = self.values_in((args, kwargs))
                self.scopes.append(ModuleCall(module, path, inputs, tuple(self.open)))
                self.open.append(len(self.scopes) - 1)

        def leave(module, args, kwargs, result):
            if not self.inside:
                self.scopes[self.open.pop()].outputs = self.values_in(result)

        return enter, leave


def record(network: nn.Module, inputs: list[torch.Tensor]) -> RecordedGraph:
    """Return the graph of the calls that `network` makes on `inputs`.

    Raises any error of `network`.
    """
    recorder = CallRecorder()
    starts = tuple(recorder.add_value(tensor) for tensor in inputs)
    handles = recorder.watch(network)
    try:
        with torch.no_grad(), warnings.catch_warnings(action="ignore"), recorder:
            outputs = recorder.values_in(network(*inputs))
    finally:
        for handle in handles:
            handle.remove()
    shapes = {value: tuple(t.shape[1:]) for value, t in enumerate(recorder.tensors)}
    dtypes = {value: t.dtype for value, t in enumerate(recorder.tensors)}
    return RecordedGraph(starts, outputs, recorder.calls, recorder.scopes, shapes, dtypes)


def torch_class_of(module: nn.Module) -> type[nn.Module] | None:
    """Return the torch class whose `forward` the module runs; None if the user wrote `forward`."""
    cls = parametrize.type_before_parametrizations(module)
    module_forward = getattr(cls, "forward", None)
    for parent in cls.__mro__:
        if not issubclass(parent, nn.Module):
            continue  # a mixin; if it has a `forward`, that of the next module differs
        if parent.forward is not module_forward:
            return None
        if parent.__module__.startswith("torch."):
            return parent
    return None
