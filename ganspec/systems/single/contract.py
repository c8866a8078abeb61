"""Checks that a criterion fits a network's outputs and their targets: labels or images."""

from __future__ import annotations

from collections.abc import Iterator

from ganspec.kinds.criterion import Criterion
from ganspec.language.errors import Diagnostic
from ganspec.language.kinds import kinds_of
from ganspec.language.tree import find
from ganspec.program.ir import Net
from ganspec.systems.agreement import check_range, check_shape, ending, range_note
from ganspec.systems.single.fields import CriterionSpec

TARGETS = {"classes": "one class", "multi_hot": "multi-hot labels", "images": "images"}


def check_criterion(spec: CriterionSpec, targets: str) -> Iterator[Diagnostic]:
    """Yield an error if the criterion cannot compare outputs with `targets`, a key of TARGETS.

    A criterion for images in 0 to 1 cannot compare outputs with images in -1 to 1.
    """
    loss = spec.objective.loss
    if loss.is_unread:
        return
    if targets not in loss.targets:
        of = " or ".join(TARGETS[name] for name in loss.targets)
        message = f"{loss.kind} is a loss for {of}, not for {TARGETS[targets]}"
        known = kinds_of("criterion").items()
        fitting = [f"`{k}`" for k, c in known if issubclass(c, Criterion) and targets in c.targets]
        notes: tuple[str, ...] = ()
        if targets != "images":
            place = find(spec.tree, ("label", "kind")).mark.seen_from(loss.mark)
            notes = (f"the labels are at {place}",)
        help = f"use {' or '.join(fitting)}"
        yield Diagnostic("loss-mismatch", message, loss.mark, notes, help)
    elif "range" in spec.data.unread:
        return
    elif targets == "images" and loss.activation and spec.data.range[0] < 0:
        message = f"{loss.kind} is a loss for images in 0 to 1, these are in -1 to 1"
        notes = (range_note(spec, loss.mark),)
        help = "set `data: {range: [0, 1]}`, or use `mean_squared_error`"
        yield Diagnostic("loss-mismatch", message, loss.mark, notes, help)


def check_outputs(spec: CriterionSpec, key: str, net: Net) -> Iterator[Diagnostic]:
    """Yield an error if the criterion cannot read the outputs of the network `key`.

    If the criterion reads logits, the last layer must not bound its outputs. If it reads
    probabilities, the last layer must be the criterion's activation, such as sigmoid.
    """
    loss = spec.objective.loss
    if loss.activation is None or loss.is_unread:
        return
    end = ending(net)
    notes = (f"the loss is at {loss.mark.seen_from(end.mark)}",) if loss.mark else ()
    bounded = end.name == "softmax" or end.range is not None
    if loss.outputs == "logits" and bounded:
        message = f"{loss.kind} needs logits, the {key} ends in {end.name}"
        help = f"remove {end.name}"
        if end.name == loss.activation:
            help += f", or write `loss: {{{loss.kind}: {{reads: probabilities}}}}`"
        yield Diagnostic("loss-needs-logits", message, end.mark, notes, help)
    elif loss.outputs == "probabilities" and end.name != loss.activation:
        message = f"{loss.kind} reads probabilities, the {key} ends in {end.name}"
        help = f"end it in {loss.activation}, or remove `reads: probabilities`"
        yield Diagnostic("loss-needs-probabilities", message, end.mark, notes, help)


def check_statistics(nets: dict[str, Net]) -> Iterator[Diagnostic]:
    """Yield a warning for the first batch norm that normalizes by the batch in evaluation mode."""
    steps = (step for net in nets.values() for step in net.leaves())
    step = next((s for s in steps if s.call.kwargs.get("track_running_stats") is False), None)
    if step:
        message = f"{step.origin.kind} makes one image's result depend on the others of its batch"
        help = "write `statistics: running`"
        mark = step.origin.mark
        yield Diagnostic("batch-statistics", message, mark, (), help, severity="warning")


def check_images(
    spec: CriterionSpec, key: str, nets: dict[str, Net], wanted: str
) -> Iterator[Diagnostic]:
    """Yield errors and warnings about the network `key`, which makes images.

    They are about the shape and range of its images, the loss, and batch norms. `wanted` ends the
    message about a wrong shape; an example is `, the images are 3 x 32 x 32`.
    """
    yield from check_statistics(nets)
    mismatch = list(check_criterion(spec, "images"))
    yield from mismatch
    if net := nets.get(key):
        yield from check_shape(spec, key, net, f"the {key} makes {net.output}{wanted}")
        if not mismatch:  # the right criterion may read other outputs
            yield from check_outputs(spec, key, net)
        yield from check_range(spec, net)
