"""Programs for tables, pictures and comparisons, also of specs whose labels are `unknown`."""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from dataclasses import replace

from ganspec.compiler.lower import lower, lower_valid
from ganspec.language.errors import SpecError
from ganspec.language.expr import Width
from ganspec.program.ir import Net, Origin, Step
from ganspec.systems.spec import Label, Spec

LABELS = "condition"  # the key of a spec that says what labels its networks read
COUNT = 2  # stands in for an unknown number of classes


def lower_to_view(spec: Spec) -> dict[str, Net]:
    """Return the programs of the spec's networks by key, without those `unknown` as a whole.

    If the labels that a network reads, or their number, are `unknown`, a number of classes stands
    in for them. `Origin.lost` of steps and of the label says what depends on that number. Raise
    SpecError as `lower` does.
    """
    if not any(gap.path.split(".")[0] == LABELS for gap in spec.gaps):
        return lower(spec)
    (nets, wrong), (others, _) = (lower_valid(each) for each in _labelled(spec))
    if wrong := [*wrong, *(d for d in spec.contract(nets) if d.severity == "error")]:
        raise SpecError(wrong)
    return {key: marked(net, others[key]) for key, net in nets.items()}


def _labelled(spec: Spec) -> tuple[Spec, Spec]:
    """Return the spec twice, with different numbers of classes in place of the unknown one."""
    known = spec.labelled
    kind, size = (known.kind, int(known.size)) if known else ("classes", COUNT)
    one, other = (Label(kind=kind, size=Width(count)) for count in (size, size + 1))
    return spec.model_copy(update={LABELS: one}), spec.model_copy(update={LABELS: other})


def marked(net: Net, other: Net) -> Net:
    """Return `net` with its differences from `other` recorded in `Origin.lost`.

    Both are programs of one network, or of one block, for different numbers of classes.
    """
    shapes = {i: value.shape != other.values[i].shape for i, value in net.values.items()}
    lost = Origin(LABELS, "label", lost=("output",))  # the size of the label is not known
    inputs = tuple(
        replace(start, value=replace(start.value, origin=lost)) if start.role == "label" else start
        for start in net.inputs
    )
    steps = tuple(_step(*pair, shapes) for pair in zip(net.steps, other.steps, strict=True))
    values = {step.output.id: step.output for step in steps}
    outputs = {name: values.get(value.id, value) for name, value in net.outputs.items()}
    return replace(net, inputs=inputs, steps=steps, outputs=outputs)


def _step(step: Step, other: Step, shapes: Mapping[int, bool]) -> Step:
    """Return `step` with its differences from `other` recorded in its origin and its output's.

    `shapes` has True for each id of a value whose shape differs, and False for the others.
    """
    call = step.call
    if isinstance(call.target, Net) and isinstance(other.call.target, Net):
        block = marked(call.target, other.call.target)
        call = copy(call)
        call.target = block
    is_other = not isinstance(call.target, Net) and call != other.call
    is_resized = is_other or any(shapes[i] for i in (*step.inputs, step.output.id))
    differing = {"params": is_other, "macs": is_resized, "output": shapes[step.output.id]}
    lost = tuple(name for name, differs in differing.items() if differs)
    origin = replace(step.origin, lost=lost)
    return replace(step, call=call, origin=origin, output=replace(step.output, origin=origin))
