"""A program as modules in memory.

The modules are laid out as in printed source, so both have one `state_dict`. `forward` runs the
flat steps one by one: a failing layer is known by its own step, and a rewrite may change how a
step's module is applied.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import nn

from ganspec.compiler.layout import Part, layout, paths
from ganspec.compiler.rewrites import rewritten
from ganspec.program.ir import Call, Net, Origin, Step, module_of


class Program(nn.Module):
    """A lowered network that runs: same modules, names and order as its printed source.

    With `exact`, modules are applied as they are, and results equal those of the printed source
    bit for bit. Otherwise they are applied as the rewrites say, and equal them to rounding.
    """

    def __init__(self, net: Net, exact: bool = False):
        super().__init__()
        self._net = net
        for part in layout(net):
            if part.is_module:
                self.add_module(part.name, _module(part, exact))
        modules = {step: ".".join(path) for part in layout(net) for path, step in part.modules()}
        self._steps = [
            (step, modules.get(step), None if exact else rewritten(step.call, values))
            for step, values in _reads(net)
        ]
        if not net.is_block:
            initialize(self, net)

    def forward(self, *inputs: torch.Tensor) -> torch.Tensor | tuple[torch.Tensor, ...]:
        names = [i.name for i in self._net.inputs]
        if len(inputs) != len(names):
            wanted = " and ".join(names)
            raise TypeError(f"{self._net.name} reads {wanted}, got {len(inputs)} tensors")
        values = {i.value.id: x for i, x in zip(self._net.inputs, inputs, strict=True)}
        for step, path, apply in self._steps:
            arguments = [values[i] for i in step.inputs]
            try:
                if path is None:
                    values[step.output.id] = step.call.apply(arguments)
                else:
                    module = self.get_submodule(path)
                    # a hook is of the module's own call
                    plain = apply is None or module._forward_hooks or module._forward_pre_hooks
                    values[step.output.id] = (
                        module(*arguments) if plain else apply(module, *arguments)
                    )
            except Exception as error:
                _blame(error, self._net, step)
                raise
        results = tuple(values[value.id] for value in self._net.outputs.values())
        return results if len(results) > 1 else results[0]

    @property
    def is_conditional(self) -> bool:
        """True if `forward` takes the labels, too."""
        return self._net.conditional

    def origin(self, name: str) -> Origin:
        """Return the layer of the spec that the parameter or module called `name` came from."""
        known = {".".join(path): step.origin for path, step in paths(self._net)}
        while name not in known:
            name = name.rpartition(".")[0]
        return known[name]

    def leaves(self) -> Iterator[tuple[Step, nn.Module | None]]:
        """Yield the steps in order, blocks opened, with the modules that they apply."""
        for step, path, _ in self._steps:
            module = self.get_submodule(path) if path else None
            if isinstance(module, Program):
                yield from module.leaves()
            else:
                yield step, module


def evaluate(net: Net, exact: bool = False) -> Program:
    """Return the network as modules in memory, on torch's default device, with fresh weights."""
    return Program(net, exact)


def _module(part: Part, exact: bool) -> nn.Module:
    built = [
        Program(step.call.target, exact)
        if isinstance(step.call.target, Net)
        else module_of(step.call)
        for step in part.steps
    ]
    return nn.Sequential(*built) if part.is_chain else built[0]


def _reads(net: Net) -> Iterator[tuple[Step, list]]:
    """Yield each step with the values that it reads."""
    values = {start.value.id: start.value for start in net.inputs}
    for step in net.steps:
        yield step, [values[i] for i in step.inputs]
        values[step.output.id] = step.output


def initialize(network: nn.Module, net: Net) -> None:
    """Fill the weights: the network's default first, then single layers' own."""
    if net.initialize:
        net.initialize.target(network, **net.initialize.kwargs)
    for path, call in overrides(net):
        call.target(network.get_submodule(".".join(path)), **call.kwargs)


def overrides(net: Net) -> Iterator[tuple[tuple[str, ...], Call]]:
    """Yield layers with initial weights of their own, as attribute paths, blocks opened."""
    return ((path, step.initialize) for path, step in paths(net) if step.initialize)


def _blame(error: Exception, net: Net, step: Step) -> None:
    """Say at run time which layer of which network failed, once."""
    if not getattr(error, "__notes__", None):
        mark = step.origin.mark
        place = f", {mark}" if mark else ""
        error.add_note(f"in {net.name}, {step.origin.path} ({step.origin.kind}){place}")
