"""Group the steps of a program into chains of modules, and name the modules' attributes.

This happens right before a program is evaluated or printed; analyses read the ungrouped steps.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Container, Iterator
from dataclasses import dataclass

from torch import nn

from ganspec.language.expr import Width
from ganspec.program.ir import Call, Net, Step, Value

# public attributes of networks in memory (`EvaluatedNetwork`) that the class `nn.Module` lacks
TAKEN = frozenset(
    {"calls", "cast", "casting", "compute", "is_conditional", "leaves", "origin", "program"}
    | {"training", "view", "wrap_functions"}
)


@dataclass(frozen=True)
class Part:
    """One step, or a chain: several steps whose modules are put into an `nn.Sequential`.

    `name` is the attribute that holds the module or chain; it is empty for a function.
    """

    steps: tuple[Step, ...]
    name: str = ""

    @property
    def is_chain(self) -> bool:
        return len(self.steps) > 1

    @property
    def is_module(self) -> bool:
        return self.steps[0].is_module

    @property
    def call(self) -> Call:
        """The call of a part that is not a chain."""
        return self.steps[0].call

    @property
    def inputs(self) -> tuple[int, ...]:
        return self.steps[0].inputs

    @property
    def output(self) -> Value:
        return self.steps[-1].output

    @property
    def tap(self) -> str | None:
        return self.steps[-1].tap

    def modules(self) -> Iterator[tuple[tuple[str, ...], Step]]:
        """Yield each module's attribute path, such as `("layers", "0")`, and its step."""
        if self.is_chain:
            yield from (((self.name, str(i)), step) for i, step in enumerate(self.steps))
        elif self.is_module:
            yield (self.name,), self.steps[0]


def layout(net: Net) -> tuple[Part, ...]:
    """Return the steps of `net` in order, grouped as parts, with names of attributes."""
    groups: list[list[Step]] = []
    for step in net.steps:
        if groups and _continues(net, groups[-1][-1], step):
            groups[-1].append(step)
        else:
            groups.append([step])
    modules = [group for group in groups if group[0].is_module]
    names = iter(_distinct([_base(group, len(modules) == 1) for group in modules]))
    return tuple(Part(tuple(g), next(names) if g[0].is_module else "") for g in groups)


def _continues(net: Net, before: Step, step: Step) -> bool:
    """Return True if `step` can share an `nn.Sequential` with the step before it."""
    return (
        before.is_module
        and step.is_module
        and len(before.inputs) == 1  # modules in an nn.Sequential have one input
        and step.inputs == (before.output.id,)
        and net.uses[before.output.id] == 1
        and before.branch == step.branch
        and before.tap is None
    )


def _base(group: list[Step], alone: bool) -> str:
    """Return the attribute name of a part that consists of `group`, still without a number.

    `alone` is True if the network has no other part with modules.
    """
    last = group[-1]
    base = last.tap or last.branch
    if base is None:
        base = ("main" if alone else "layers") if len(group) > 1 else last.origin.kind
    # a module with the name of a method, such as `train`, would hide that method
    return f"{base}_layer" if base in TAKEN or hasattr(nn.Module, base) else base


def _distinct(bases: list[str]) -> Iterator[str]:
    """Yield `bases` in order; names that occur more than once get numbers: `conv1`, `conv2`."""
    count, taken = Counter(bases), set[str]()
    for base in bases:
        name = numbered(base, taken, first="" if count[base] == 1 else "1")
        taken.add(name)
        yield name


def numbered(base: str, taken: Container[str], first: str = "") -> str:
    """Return the first of `base` + `first`, `base2`, `base3` ... that is not in `taken`."""
    ends = itertools.chain([first], itertools.count(2))
    return next(name for name in (f"{base}{end}" for end in ends) if name not in taken)


def widths(argument: object) -> Iterator[Width]:
    """Yield every `Width` in `argument`: itself, or those in a tuple, a list or a call."""
    if isinstance(argument, Call):
        yield from widths((*argument.args, *argument.kwargs.values()))
    elif isinstance(argument, (tuple, list)):
        for part in argument:
            yield from widths(part)
    elif isinstance(argument, Width):
        yield argument


def paths(net: Net, prefix: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Step]]:
    """Yield the attribute path and the step of each module; a block comes before its modules.

    `prefix` is the attribute path of `net` itself.
    """
    for part in layout(net):
        for path, step in part.modules():
            yield (*prefix, *path), step
            if isinstance(step.call.target, Net):
                yield from paths(step.call.target, (*prefix, *path))
