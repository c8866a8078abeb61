"""Conversion of a program's calls to plain data that is equal for equal torch code."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

from ganspec.program.ir import Call, Net, Step, Value

CallKeys: TypeAlias = tuple[Hashable, ...]


@dataclass(frozen=True)
class OpenedStep:
    """A step of a network or of a block in it.

    `reads` are the ids of its inputs in the whole network, `inputs` the same values in the step's
    block. `inside` are the names of the blocks and branches around it, outermost first.
    """

    step: Step
    reads: tuple[int, ...]
    inputs: tuple[Value, ...]
    inside: tuple[str, ...] = ()


def open_blocks(
    net: Net, aliases: dict[int, int], inside: tuple[str, ...] = ()
) -> Iterator[OpenedStep]:
    """Yield the steps of `net`, with a block's steps in place of the step that calls the block.

    Add to `aliases`, for the id of each block's input and output, the id of the same value in the
    yielded steps. `inside` are the blocks and branches around `net`.
    """
    values = {start.value.id: start.value for start in net.inputs}
    for step in net.steps:
        reads = tuple(aliases.get(i, i) for i in step.inputs)
        around = (*inside, step.branch) if step.branch else inside
        block = step.call.target
        if isinstance(block, Net):
            inner = [start.value.id for start in block.inputs]
            aliases |= dict(zip(inner, reads, strict=True))
            yield from open_blocks(block, aliases, (*around, step.origin.kind))
            aliases[step.output.id] = aliases.get(block.output.id, block.output.id)
        else:
            yield OpenedStep(step, reads, tuple(values[i] for i in step.inputs), around)
        values[step.output.id] = step.output


def external(steps: list[OpenedStep]) -> list[int]:
    """Return the ids of the values that `steps` read but do not make, once for every use."""
    inner = {each.step.output.id for each in steps}
    return [i for each in steps for i in each.reads if i not in inner]


def calls(steps: Iterable[OpenedStep]) -> CallKeys:
    """Return the calls of the steps as plain data, without weight norms and input widths.

    With each call come the indices in `steps` of what it reads, `elsewhere` for other values, and
    the initializer that its layer has of its own, or None.
    """
    keys: list[Hashable] = []
    places: dict[int, int] = {}
    for n, each in enumerate(steps):
        step = each.step
        reads = tuple(places.get(i, "elsewhere") for i in each.reads)
        initialize = key(step.initialize) if step.initialize else None
        keys.append((key(_bare(step.call, each.inputs)), reads, initialize))
        places[step.output.id] = n
    return tuple(keys)


def _bare(call: Call, inputs: tuple[Value, ...]) -> Call:
    """Return `call` without weight norm, and with `...` for the widths taken from its inputs."""
    args = list(call.args)
    for value in inputs:
        # by identity, because a width that the spec gives counts even if it equals the input's
        at = next((i for i, argument in enumerate(args) if argument is value.channels), None)
        if at is not None:
            args[at] = "..."
    bare = Call(call.target, *args, pack=call.pack)
    bare.kwargs = {k: v for k, v in call.kwargs.items() if not (k == "norm" and is_normed(call))}
    return bare


def is_normed(call: Call) -> bool:
    """Return True if a call has a weight norm: a wrap, or a function as the argument `norm`."""
    norm = call.kwargs.get("norm")
    return bool(call.wraps) or (callable(norm) and not isinstance(norm, type))


def key(part: object) -> Hashable:
    """Return a call or an argument as plain data, equal for equal torch code."""
    if isinstance(part, Call):
        named = tuple(sorted((k, key(v)) for k, v in part.kwargs.items()))
        wraps = tuple(map(key, part.wraps))
        return (key(part.target), tuple(map(key, part.args)), named, part.pack, wraps)
    if isinstance(part, tuple):
        return tuple(map(key, part))
    if isinstance(part, partial):
        return (key(part.func), tuple(sorted(part.keywords.items())))
    if callable(part):
        return f"{part.__module__}.{getattr(part, '__qualname__', part)}"
    return repr(int(part)) if isinstance(part, int) else repr(part)
