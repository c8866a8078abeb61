"""Evaluate a program: make its modules in memory.

The modules are laid out as in printed source, so that both have the same `state_dict` keys.
`forward` runs the steps one by one, so that an error names the layer that failed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import ClassVar, TypeAlias, cast

import torch
from torch import nn

from ganspec.compiler.actions import Action, actions
from ganspec.compiler.batches import single_vector
from ganspec.compiler.casting import Casting
from ganspec.compiler.layout import Part, layout, paths
from ganspec.language.views import Viewed
from ganspec.program import failures
from ganspec.program.ir import Call, Net, Origin, Step, Value, module_of
from ganspec.program.trial import ONE_VALUE
from ganspec.systems.execution import Execution

Values: TypeAlias = dict[int, torch.Tensor]  # tensors by the ids of the program's values


class EvaluatedNetwork(nn.Module, Viewed):
    """A lowered network as a module, with the submodules, names and order of its printed source.

    With `exact`, results equal those of the printed source bit for bit. Otherwise some modules
    are applied by rewrites, and results are equal up to rounding. In training, passes run by
    `casting`, if that is set.
    """

    view: ClassVar = "network"
    casting: Casting | None = None
    _last: frozenset[int] = frozenset()  # values that are cast to single precision

    def __init__(self, net: Net, exact: bool = False):
        super().__init__()
        self._net = net
        for part in layout(net):
            if part.is_module:
                self.add_module(part.name, _module(net, part, exact))
        modules = ((path, step) for part in layout(net) for path, step in part.modules())
        self._paths = {step.output.id: ".".join(path) for path, step in modules}
        self._actions = actions(net, exact)
        self._wrapped: dict[Step, Callable] = {}  # in place of a function's own call
        if not net.is_block:
            initialize(self, net)

    def forward(self, *inputs: torch.Tensor) -> torch.Tensor | tuple[torch.Tensor, ...]:
        names = [i.name for i in self._net.inputs]
        if len(inputs) != len(names):
            wanted = " and ".join(names)
            raise TypeError(f"{self._net.name} reads {wanted}, got {len(inputs)} tensors")
        if self.casting is None or not self.training:
            return self.compute(*inputs)
        return self.casting(*inputs)

    def cast(self, execution: Execution, device: torch.device) -> None:
        """Lay out weights, and let passes in training run, as `execution` asks.

        What follows the last layers with weights, such as a sigmoid, is computed in single
        precision, since half precision rounds probabilities near 1 to 1.
        """
        self.casting = Casting(execution, device, self.compute)
        for weight in self.parameters():
            if weight.dim() == 4:
                weight.data = weight.data.contiguous(memory_format=execution.memory_format)
        self._keep_single()

    def _keep_single(self) -> None:
        """Cast values to single precision that no layer with weights reads, directly or not."""
        needed: set[int] = set()
        last = []
        for step in reversed(self._net.steps):
            module = self._module(step)
            is_weighted = module is not None and any(True for _ in module.parameters())
            if step.output.id in needed:
                needed.update(step.inputs)
                continue
            last.append(step.output.id)
            needed.update(step.inputs if is_weighted else ())
            if isinstance(module, EvaluatedNetwork):
                module._keep_single()
        self._last = frozenset(last)

    def compute(self, *inputs: torch.Tensor) -> torch.Tensor | tuple[torch.Tensor, ...]:
        """Run the steps one by one, as `forward` does without casting."""
        values = {i.value.id: x for i, x in zip(self._net.inputs, inputs, strict=True)}
        for action in self._actions:
            modules = self._apart(action)
            if modules and action.apply:
                rewrite = partial(action.apply, *modules)
                self._run(action.steps[0], action.steps[-1], rewrite, values)
                continue
            for step in action.steps:
                run: Callable | None = self._module(step)
                if run is None:
                    run = self._wrapped.get(step) or partial(_call, step.call)
                self._run(step, step, run, values)
        results = tuple(values[value.id] for value in self._net.outputs.values())
        return results if len(results) > 1 else results[0]

    def _module(self, step: Step) -> nn.Module | None:
        path = self._paths.get(step.output.id)
        return self.get_submodule(path) if path else None

    def _apart(self, action: Action) -> list[nn.Module] | None:
        """Return the modules that a rewrite applies; None if they must be called one by one.

        Hooks, and a `forward` that was put into a module, run only if the module is called; and a
        module of another class may stand in its place.
        """
        if action.apply is None:
            return None
        modules = [self.get_submodule(self._paths[step.output.id]) for step in action.steps]
        is_plain = all(map(_is_own, modules, action.steps))
        return modules if is_plain else None

    def _run(
        self, first: Step, last: Step, run: Callable[..., torch.Tensor], values: Values
    ) -> None:
        """Set the output of `last` to `run` of the inputs of `first`."""
        run = partial(run, *(values[i] for i in first.inputs))
        watch = failures.watch
        try:
            values[last.output.id] = (
                watch.call(self._net.name, last.origin, run) if watch else run()
            )
        except Exception as error:
            if ONE_VALUE in str(error):
                raise single_vector(last.origin) from error
            failures.blame(error, self._net.name, last.origin)
            raise
        if last.output.id in self._last:
            values[last.output.id] = values[last.output.id].float()

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

    def calls(self) -> Iterator[tuple[Step, list[Value], nn.Module | None]]:
        """Yield what `leaves` does, and the inputs of each step."""
        values = {start.value.id: start.value for start in self._net.inputs}
        for step in self._net.steps:
            module = self._module(step)
            if isinstance(module, EvaluatedNetwork):
                yield from module.calls()
            else:
                yield step, [values[i] for i in step.inputs], module
            values[step.output.id] = step.output

    def wrap_functions(self, wrap: Callable[[Step, list[Value]], Callable | None]) -> None:
        """Apply functions by what `wrap` returns for their step and inputs, if that is not None."""
        wrapped = {s: wrap(s, inputs) for s, inputs, module in self.calls() if module is None}
        self._wrapped = {step: function for step, function in wrapped.items() if function}

    def leaves(self) -> Iterator[tuple[Step, nn.Module | None]]:
        """Yield the steps in order, blocks expanded, each with its module (None for functions)."""
        return ((step, module) for step, _, module in self.calls())


def evaluate(net: Net, exact: bool = False) -> EvaluatedNetwork:
    """Return the network as modules in memory, on torch's default device, with fresh weights."""
    return EvaluatedNetwork(net, exact)


def _is_own(module: nn.Module, step: Step) -> bool:
    """Return True if a module is of its step's class, with no hooks and no `forward` of its own."""
    is_kind = isinstance(module, cast(type, step.call.target))
    return is_kind and not has_hooks(module) and "forward" not in vars(module)


def has_hooks(module: nn.Module) -> bool:
    """Return True if a module has hooks of its own, which run when it is called."""
    hooks = (
        module._forward_hooks,
        module._forward_pre_hooks,
        module._backward_hooks,
        module._backward_pre_hooks,
    )
    return any(hooks)


def _call(call: Call, *inputs: torch.Tensor) -> torch.Tensor:
    return call.apply(list(inputs))


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
