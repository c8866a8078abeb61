"""Net to Net: the visible list of what happens between lowering and evaluating or printing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace

from torch import nn

from ganspec.compiler.ir import Call, Net, Step


def chain(net: Net) -> Net:
    """Runs of modules, each reading only the one before it, become one `nn.Sequential`."""
    groups: list[list[Step]] = []
    for step in net.steps:
        if groups and _continues(net, groups[-1][-1], step):
            groups[-1].append(step)
        else:
            groups.append([step])
    return net.with_steps([_joined(group) for group in groups])


def _continues(net: Net, before: Step, step: Step) -> bool:
    return (
        before.is_module
        and step.is_module
        and len(before.inputs) == 1  # an nn.Sequential has one
        and step.inputs == (before.output.id,)
        and net.uses[before.output.id] == 1
        and before.branch == step.branch
        and before.tap is None
    )


def _joined(group: list[Step]) -> Step:
    last = group[-1]
    if len(group) == 1:
        return last
    whole = Step(Call(nn.Sequential), group[0].inputs, last.output, last.origin)
    return replace(whole, branch=last.branch, tap=last.tap, chain=tuple(group))


def name(net: Net) -> Net:
    """Every module step gets the attribute that it becomes."""
    modules = [step for step in net.steps if step.is_module]
    bases = [_base(step, alone=len(modules) == 1) for step in modules]
    count, index, taken = Counter(bases), Counter(), set()
    names = {}
    for step, base in zip(modules, bases, strict=True):
        while True:
            index[base] += 1
            found = base if count[base] == 1 and index[base] == 1 else f"{base}{index[base]}"
            if found not in taken:
                break
        taken.add(found)
        names[step.output.id] = found
    return net.with_steps([replace(s, name=names.get(s.output.id)) for s in net.steps])


def _base(step: Step, alone: bool) -> str:
    base = step.tap or step.branch
    if base is None:
        base = ("main" if alone else "layers") if step.chain else step.origin.kind
    return f"{base}_layer" if hasattr(nn.Module, base) else base


PASSES: tuple[Callable[[Net], Net], ...] = (chain, name)


def optimise(net: Net) -> Net:
    """`net` through every pass, its blocks first."""
    net = net.with_steps([_inner(step) for step in net.steps])
    for change in PASSES:
        net = change(net)
    return net


def _inner(step: Step) -> Step:
    if not isinstance(step.call.target, Net):
        return step
    call = step.call
    changed = Call(optimise(call.target), *call.args, channels=call.channels, **call.kwargs)
    return replace(step, call=changed)
