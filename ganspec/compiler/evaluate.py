"""A program as modules in memory."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import nn

from ganspec.compiler.ir import Call, Net, Origin, Step


class Program(nn.Module):
    """A lowered network that runs: same modules, names and order as its printed source."""

    def __init__(self, net: Net):
        super().__init__()
        self._lowered = net
        for step in net.steps:
            if step.is_module:
                self.add_module(step.name, module(step))
        if not net.is_block:
            initialize(self, net)

    def forward(self, *inputs: torch.Tensor) -> torch.Tensor | tuple[torch.Tensor, ...]:
        names = [i.name for i in self._lowered.inputs]
        if len(inputs) != len(names):
            wanted = " and ".join(names)
            raise TypeError(f"{self._lowered.name} reads {wanted}, got {len(inputs)} tensors")
        values = {i.value.id: x for i, x in zip(self._lowered.inputs, inputs, strict=True)}
        for step in self._lowered.steps:
            arguments = [values[i] for i in step.inputs]
            try:
                values[step.output.id] = self._run(step, arguments)
            except Exception as error:
                _blame(error, self._lowered, step)
                raise
        results = tuple(values[value.id] for value in self._lowered.results)
        return results if self._lowered.heads else results[0]

    def origin(self, name: str) -> Origin:
        """The layer of the spec that the parameter or module called `name` came from."""
        first, _, rest = name.partition(".")
        step = next(s for s in self._lowered.steps if s.name == first)
        if step.chain:
            index, _, rest = rest.partition(".")
            step = step.chain[int(index)]
            first = f"{first}.{index}"
        inner = self.get_submodule(first)
        return inner.origin(rest) if isinstance(inner, Program) else step.origin

    def _run(self, step: Step, arguments: list[torch.Tensor]) -> torch.Tensor:
        if step.is_module:
            return self.get_submodule(step.name)(*arguments)
        return step.call.apply(arguments)


def evaluate(net: Net) -> Program:
    """The network as modules in memory, on torch's default device, with fresh weights."""
    return Program(net)


def module(step: Step) -> nn.Module:
    """The module that a step applies, with its weight norm around it."""
    if step.chain:
        return nn.Sequential(*map(module, step.chain))
    if isinstance(step.call.target, Net):
        return Program(step.call.target)
    built = step.call.build()
    for wrap in step.call.wraps:
        built = wrap.target(built, **wrap.kwargs)
    return built


def initialize(network: nn.Module, net: Net) -> None:
    """Fill the weights: the network's default first, then single layers' own."""
    if net.initialize:
        net.initialize.target(network, **net.initialize.kwargs)
    for path, call in overrides(net):
        call.target(network.get_submodule(".".join(path)), **call.kwargs)


def overrides(net: Net, prefix: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Call]]:
    """Layers with initial weights of their own, as attribute paths, blocks opened."""
    for step in net.steps:
        if not step.is_module:
            continue
        inner = [(s, (*prefix, step.name, str(i))) for i, s in enumerate(step.chain)]
        for part, path in inner or [(step, (*prefix, step.name))]:
            if part.initialize:
                yield path, part.initialize
            if isinstance(part.call.target, Net):
                yield from overrides(part.call.target, path)


def _blame(error: Exception, net: Net, step: Step) -> None:
    """Say at run time which layer of which network failed, once."""
    if not getattr(error, "__notes__", None):
        mark = step.origin.mark
        place = f", {mark}" if mark else ""
        error.add_note(f"in {net.name}, {step.origin.path} ({step.origin.kind}){place}")
