"""Evaluate a program: make its modules in memory.

The modules are laid out as in printed source, so that both have the same `state_dict` keys.
`forward` runs the steps one by one, so that an error names the layer that failed.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import ClassVar

import torch
from torch import nn

from ganspec.compiler.batches import single_vector
from ganspec.compiler.layout import Part, layout, paths
from ganspec.compiler.rewrites import Rewrite, rewritten
from ganspec.language.views import Viewed
from ganspec.program import failures
from ganspec.program.ir import Call, Net, Origin, Step, module_of
from ganspec.program.trial import ONE_VALUE


class EvaluatedNetwork(nn.Module, Viewed):
    """A lowered network as a module, with the submodules, names and order of its printed source.

    With `exact`, results equal those of the printed source bit for bit. Otherwise some modules
    are applied by rewrites, and results are equal up to rounding.
    """

    view: ClassVar = "network"

    def __init__(self, net: Net, exact: bool = False):
        super().__init__()
        self._net = net
        for part in layout(net):
            if part.is_module:
                self.add_module(part.name, _module(net, part, exact))
        modules = {step: ".".join(path) for part in layout(net) for path, step in part.modules()}
        values = {start.value.id: start.value for start in net.inputs}
        self._steps: list[tuple[Step, str | None, Rewrite | None]] = []
        for step in net.steps:
            inputs = [values[i] for i in step.inputs]
            apply = None if exact else rewritten(step.call, inputs)
            self._steps.append((step, modules.get(step), apply))
            values[step.output.id] = step.output
        if not net.is_block:
            initialize(self, net)

    def forward(self, *inputs: torch.Tensor) -> torch.Tensor | tuple[torch.Tensor, ...]:
        names = [i.name for i in self._net.inputs]
        if len(inputs) != len(names):
            wanted = " and ".join(names)
            raise TypeError(f"{self._net.name} reads {wanted}, got {len(inputs)} tensors")
        values = {i.value.id: x for i, x in zip(self._net.inputs, inputs, strict=True)}
        watch = failures.watch
        for step, path, apply in self._steps:
            try:
                if watch is None:
                    values[step.output.id] = self._run(step, path, apply, values)
                else:
                    run = partial(self._run, step, path, apply, values)
                    values[step.output.id] = watch.call(self._net.name, step.origin, run)
            except Exception as error:
                if ONE_VALUE in str(error):
                    raise single_vector(step.origin) from error
                failures.blame(error, self._net.name, step.origin)
                raise
        results = tuple(values[value.id] for value in self._net.outputs.values())
        return results if len(results) > 1 else results[0]

    def _run(
        self, step: Step, path: str | None, apply: Rewrite | None, values: dict[int, torch.Tensor]
    ) -> torch.Tensor:
        arguments = [values[i] for i in step.inputs]
        if path is None:
            return step.call.apply(arguments)
        module = self.get_submodule(path)
        # hooks, and a `forward` that was put into the module, run only if the module is called
        if apply is None or module._forward_hooks or module._forward_pre_hooks:
            return module(*arguments)
        return module(*arguments) if "forward" in vars(module) else apply(module, *arguments)

    @property
    def is_conditional(self) -> bool:
        """True if `forward` also takes labels."""
        return self._net.conditional

    @property
    def program(self) -> Net:
        """The program that the network was evaluated from."""
        return self._net

    def origin(self, name: str) -> Origin:
        """Return the layer of the spec that the parameter or module `name` came from.

        Raise KeyError if there is none, as for an `nn.Sequential` of several layers.
        """
        known = {".".join(path): step.origin for path, step in paths(self._net)}
        parts = name.split(".")
        paths_up = (".".join(parts[:n]) for n in range(len(parts), 0, -1))
        return known[next((path for path in paths_up if path in known), name)]

    def leaves(self) -> Iterator[tuple[Step, nn.Module | None]]:
        """Yield the steps in order, blocks expanded, each with its module (None for functions)."""
        for step, path, _ in self._steps:
            module = self.get_submodule(path) if path else None
            if isinstance(module, EvaluatedNetwork):
                yield from module.leaves()
            else:
                yield step, module


def evaluate(net: Net, exact: bool = False) -> EvaluatedNetwork:
    """Return the network as modules in memory, on torch's default device, with fresh weights."""
    return EvaluatedNetwork(net, exact)


def _module(net: Net, part: Part, exact: bool) -> nn.Module:
    modules = []
    for step in part.steps:
        block = step.call.target if isinstance(step.call.target, Net) else None
        try:
            modules.append(EvaluatedNetwork(block, exact) if block else module_of(step.call))
        except Exception as error:  # as of memory
            failures.blame(error, net.name, step.origin)
            raise
    return nn.Sequential(*modules) if part.is_chain else modules[0]


def initialize(network: nn.Module, net: Net) -> None:
    """Fill the weights by the network's `init`, if any, then those of layers with an `init`."""
    if net.initialize:
        net.initialize.function(network, **net.initialize.kwargs)
    for path, call in overrides(net):
        call.function(network.get_submodule(".".join(path)), **call.kwargs)


def overrides(net: Net) -> Iterator[tuple[tuple[str, ...], Call]]:
    """Yield the attribute path and the initializer of each layer that has its own `init`."""
    return ((path, step.initialize) for path, step in paths(net) if step.initialize)
