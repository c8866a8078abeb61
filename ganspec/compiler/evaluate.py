"""Evaluate a program: make its modules in memory.

The modules are laid out as in printed source, so that both have the same `state_dict` keys.
`forward` runs the steps, one by one or as rewrites, so that an error names the layer that failed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import ClassVar, cast

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


class EvaluatedNetwork(nn.Module, Viewed):
    """A `program` as a module, with the submodules of its printed source: same names, same order.

    With `exact`, results equal those of the printed source bit for bit. Otherwise some modules
    are applied by rewrites, and results are equal up to rounding. In training mode the steps are
    run by `casting`, once `cast` has set it.
    """

    view: ClassVar = "network"
    casting: Casting | None = None
    _single: frozenset[int] = frozenset()  # ids of values that are cast to single precision

    def __init__(self, net: Net, exact: bool = False):
        super().__init__()
        self.program = net
        self._paths: dict[int, str] = {}  # each module's attribute path, by its output's id
        for part in layout(net):
            if part.is_module:
                self.add_module(part.name, _build_part(net, part, exact))
            self._paths |= {step.output.id: ".".join(path) for path, step in part.modules()}
        self._actions = actions(net, exact)
        self._wrapped: dict[Step, Callable] = {}  # set by `wrap_functions`
        if not net.is_block:
            initialize(self, net)

    def forward(self, *inputs: torch.Tensor) -> torch.Tensor | tuple[torch.Tensor, ...]:
        names = [i.name for i in self.program.inputs]
        if len(inputs) != len(names):
            wanted = " and ".join(names)
            got = "1 tensor" if len(inputs) == 1 else f"{len(inputs)} tensors"
            raise TypeError(f"{self.program.name} reads {wanted}, got {got}")
        if self.casting is None or not self.training:
            return self.compute(*inputs)
        return self.casting(*inputs)

    def cast(self, execution: Execution, device: torch.device) -> None:
        """From now on, run the steps in training mode as `execution` says.

        Weights of four dimensions, such as those of convolutions, get the memory format of
        `execution` now. Functions and modules after the last layers with weights, such as a
        sigmoid, compute in single precision, since half precision rounds probabilities near 1 to 1.
        """
        self.casting = Casting(execution, device, self.compute)
        for weight in self.parameters():
            if weight.dim() == 4:
                weight.data = weight.data.contiguous(memory_format=execution.memory_format)
        self._keep_single()

    def _keep_single(self) -> None:
        """Choose the values to cast to single precision: those that no module with weights needs.

        A module needs its inputs, and all values that these are computed from.
        """
        needed: set[int] = set()
        single = []
        for step in reversed(self.program.steps):
            module = self._module(step)
            is_weighted = module is not None and any(True for _ in module.parameters())
            if step.output.id in needed:
                needed.update(step.inputs)
                continue
            single.append(step.output.id)
            needed.update(step.inputs if is_weighted else ())
            if isinstance(module, EvaluatedNetwork):
                module._keep_single()
        self._single = frozenset(single)

    def compute(self, *inputs: torch.Tensor) -> torch.Tensor | tuple[torch.Tensor, ...]:
        """Return the network's output for its inputs, a tuple of outputs if it has several.

        `casting` is not used: the caller has set the precision.
        """
        values = {i.value.id: x for i, x in zip(self.program.inputs, inputs, strict=True)}
        for action in self._actions:
            if action.apply and (modules := self._rewritable(action)):
                rewrite = partial(action.apply, *modules)
                self._run(action.steps[0], action.steps[-1], rewrite, values)
                continue
            for step in action.steps:
                run: Callable | None = self._module(step)
                if run is None:
                    run = self._wrapped.get(step) or step.call.apply
                self._run(step, step, run, values)
        results = tuple(values[value.id] for value in self.program.outputs.values())
        return results if len(results) > 1 else results[0]

    def _module(self, step: Step) -> nn.Module | None:
        """Return the module of a step of this network; None if the step calls a function."""
        path = self._paths.get(step.output.id)
        return self.get_submodule(path) if path else None

    def _rewritable(self, action: Action) -> list[nn.Module] | None:
        """Return the modules for the action's rewrite; None if its steps must run one by one.

        They must if a module has hooks or a replaced `forward`, which run only when the module is
        called, or if a module was replaced by one of another class.
        """
        modules = [self.get_submodule(self._paths[step.output.id]) for step in action.steps]
        return modules if all(map(_is_unchanged, modules, action.steps)) else None

    def _run(self, first: Step, last: Step, run: Callable, values: dict[int, torch.Tensor]) -> None:
        """Call `run` on the inputs of `first`; `values` gets the result as the output of `last`.

        An error gets a note with the layer of `last`. Raise BatchSizeError if a normalization
        refuses a single vector.
        """
        run = partial(run, *(values[i] for i in first.inputs))
        watch = failures.watch
        try:
            values[last.output.id] = (
                watch.call(self.program.name, last.origin, run) if watch else run()
            )
        except Exception as error:
            if ONE_VALUE in str(error):
                raise single_vector(last.origin) from error
            failures.blame(error, self.program.name, last.origin)
            raise
        if last.output.id in self._single:
            values[last.output.id] = values[last.output.id].float()

    @property
    def is_conditional(self) -> bool:
        """True if `forward` also takes labels."""
        return self.program.conditional

    def origin(self, name: str) -> Origin:
        """Return the layer of the spec that made the parameter or module `name`.

        Raise KeyError if there is no such layer, as for an `nn.Sequential` of several layers.
        """
        known = {".".join(path): step.origin for path, step in paths(self.program)}
        parts = name.split(".")
        paths_up = (".".join(parts[:n]) for n in range(len(parts), 0, -1))
        return known[next((path for path in paths_up if path in known), name)]

    def calls(self) -> Iterator[tuple[Step, list[Value], nn.Module | None]]:
        """Yield each step, its inputs and its module, None for a function, in order.

        In place of a block, the steps in it are yielded.
        """
        for step in self.program.steps:
            module = self._module(step)
            if isinstance(module, EvaluatedNetwork):
                yield from module.calls()
            else:
                yield step, [self.program.values[i] for i in step.inputs], module

    def wrap_functions(self, wrap: Callable[[Step, list[Value]], Callable | None]) -> None:
        """Replace each step's function by the result of `wrap(step, inputs)`, unless that is None.

        Functions of steps inside a block are not replaced: call this method of the block, too.
        """
        wrapped = {s: wrap(s, inputs) for s, inputs, module in self.calls() if module is None}
        self._wrapped = {step: function for step, function in wrapped.items() if function}

    def leaves(self) -> Iterator[tuple[Step, nn.Module | None]]:
        """Yield each step and its module, None for a function; in place of a block, its steps."""
        return ((step, module) for step, _, module in self.calls())


def evaluate(net: Net, exact: bool = False) -> EvaluatedNetwork:
    """Return a program as modules on torch's default device, with newly drawn weights.

    With `exact`, results equal those of the printed source bit for bit, otherwise up to rounding.
    """
    return EvaluatedNetwork(net, exact)


def _is_unchanged(module: nn.Module, step: Step) -> bool:
    """Return True if a module is of its step's class, without hooks or a replaced `forward`."""
    hooks = (
        module._forward_hooks,
        module._forward_pre_hooks,
        module._backward_hooks,
        module._backward_pre_hooks,
    )
    is_kind = isinstance(module, cast(type, step.call.target))
    return is_kind and not any(hooks) and "forward" not in vars(module)


def _build_part(net: Net, part: Part, exact: bool) -> nn.Module:
    """Return a new module of a part, an `nn.Sequential` for a chain.

    An error, such as one of too little memory, gets a note that names the layer.
    """
    modules = []
    for step in part.steps:
        block = step.call.target if isinstance(step.call.target, Net) else None
        try:
            modules.append(EvaluatedNetwork(block, exact) if block else module_of(step.call))
        except Exception as error:
            failures.blame(error, net.name, step.origin)
            raise
    return nn.Sequential(*modules) if part.is_chain else modules[0]


def initialize(network: nn.Module, net: Net) -> None:
    """Fill weights by the network's `init`, then those of layers with their own `init` by that.

    Weights that neither fills keep their values.
    """
    if net.initialize:
        net.initialize.function(network, **net.initialize.kwargs)
    for path, call in overrides(net):
        call.function(network.get_submodule(".".join(path)), **call.kwargs)


def overrides(net: Net) -> Iterator[tuple[tuple[str, ...], Call]]:
    """Yield the attribute path and the `init` of each module whose layer has an `init`."""
    return ((path, step.initialize) for path, step in paths(net) if step.initialize)
