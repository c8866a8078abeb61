"""The calls of a program, blocks opened, as plain data that is equal where torch does the same."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial

from ganspec.program.ir import Call, Net, Step, Value


@dataclass(frozen=True)
class Placed:
    """A step with blocks opened.

    `reads` are the ids of its inputs in the whole network, `inputs` the values as they are where
    it stands, `inside` the blocks and the branch around it.
    """

    step: Step
    reads: tuple[int, ...]
    inputs: tuple[Value, ...]
    inside: tuple[str, ...] = ()


def opened(net: Net, aliases: dict[int, int], inside: tuple[str, ...] = ()) -> Iterator[Placed]:
    """The steps of `net`, blocks opened; `aliases` takes up what a block's values are outside."""
    values = {start.value.id: start.value for start in net.inputs}
    for step in net.steps:
        reads = tuple(aliases.get(i, i) for i in step.inputs)
        around = (*inside, step.branch) if step.branch else inside
        block = step.call.target
        if isinstance(block, Net):
            inner = [start.value.id for start in block.inputs]
            aliases |= dict(zip(inner, reads, strict=True))
            yield from opened(block, aliases, (*around, step.origin.kind))
            aliases[step.output.id] = aliases.get(block.output.id, block.output.id)
        else:
            yield Placed(step, reads, tuple(values[i] for i in step.inputs), around)
        values[step.output.id] = step.output


def groups(steps: Iterable[Placed]) -> Iterator[list[Placed]]:
    """Runs of steps that came from one layer of the spec: pad, then conv."""
    group: list[Placed] = []
    for placed in steps:
        if group and group[-1].step.origin.path != placed.step.origin.path:
            yield group
            group = []
        group.append(placed)
    if group:
        yield group


def external(steps: Iterable[Placed]) -> list[int]:
    """The values that `steps` read and do not make themselves, once for every use."""
    steps = list(steps)
    made = {placed.step.output.id for placed in steps}
    return [i for placed in steps for i in placed.reads if i not in made]


def calls(steps: Iterable[Placed]) -> tuple:
    """What the steps are and how they read each other, whatever they read from elsewhere."""
    found, places = [], {}
    for n, placed in enumerate(steps):
        step = placed.step
        reads = tuple(places.get(i, "elsewhere") for i in placed.reads)
        initialize = key(step.initialize) if step.initialize else None
        found.append((key(own(step.call, placed.inputs)), reads, initialize))
        places[step.output.id] = n
    return tuple(found)


def own(call: Call, inputs: tuple[Value, ...]) -> Call:
    """`call` without weight norm, and without the widths of its inputs, which it does not say."""
    args = list(call.args)
    for value in inputs:
        # a layer hands on the very number of its input, so equal numbers are not taken for it
        at = next((i for i, argument in enumerate(args) if argument is value.channels), None)
        if at is not None:
            args[at] = "..."
    kept = {k: v for k, v in call.kwargs.items() if not (k == "norm" and is_normed(call))}
    return Call(call.target, *args, pack=call.pack, **kept)


def is_normed(call: Call) -> bool:
    """Whether a weight norm is laid around the call's module, or handed to it."""
    norm = call.kwargs.get("norm")
    return bool(call.wraps) or (callable(norm) and not isinstance(norm, type))


def key(thing: object) -> object:
    """A call or argument as plain data, equal where torch would do the same."""
    if isinstance(thing, Call):
        named = tuple(sorted((k, key(v)) for k, v in thing.kwargs.items()))
        wraps = tuple(map(key, thing.wraps))
        return (key(thing.target), tuple(map(key, thing.args)), named, thing.pack, wraps)
    if isinstance(thing, tuple):
        return tuple(map(key, thing))
    if isinstance(thing, partial):
        return (key(thing.func), tuple(sorted(thing.keywords.items())))
    if callable(thing):
        return f"{thing.__module__}.{thing.__qualname__}"
    return repr(thing) if not isinstance(thing, int) else repr(int(thing))
