"""Findings about a network that does not fit the targets it is trained on."""

from __future__ import annotations

from collections.abc import Iterator

from ganspec.kinds.criterion import Criterion
from ganspec.language.errors import Diagnostic, Mark
from ganspec.language.kinds import kinds_of
from ganspec.language.tree import find
from ganspec.program.ir import Net
from ganspec.systems.agreement import ending, image_mismatch, layer_of, output_range
from ganspec.systems.spec import Spec

TARGETS = {"classes": "one class", "multi_hot": "multi-hot labels", "images": "images"}


def check_criterion(spec: Spec, targets: str) -> Iterator[Diagnostic]:
    """Yield a finding where the criterion is of other targets, or wants another range."""
    loss = spec.objective.loss
    if targets not in loss.targets:
        of = " or ".join(TARGETS[name] for name in loss.targets)
        message = f"{loss.kind} is of {of}, not of {TARGETS[targets]}"
        fitting = [k for k, kind in kinds_of("criterion").items() if targets in kind.targets]
        help = f"use {' or '.join(f'`{kind}`' for kind in fitting)}"
        notes = ()
        if place := find(spec.tree, ("label", "kind")) if targets != "images" else None:
            notes = (f"the labels are at {place.mark.seen_from(loss.mark)}",)
        yield Diagnostic("loss-mismatch", message, loss.mark, notes, help)
    elif targets == "images" and loss.activation and spec.data.range[0] < 0:
        message = f"{loss.kind} is of images in 0 to 1, these are in -1 to 1"
        data = spec.tree.get("data")
        place = (data.get("range") or data).mark.seen_from(loss.mark)
        notes = (f"the images' range is that of `data`, {place}",)
        help = "set `data: {range: [0, 1]}`, or use `mean_squared_error`"
        yield Diagnostic("loss-mismatch", message, loss.mark, notes, help)


def last_mark(layers: tuple, net: Net) -> Mark | None:
    """Return the place of the layer that makes a network's output."""
    mark = net.output.origin.mark if net.output.origin else None
    return mark or layers[-1].mark


def check_outputs(spec: Spec, key: str, net: Net) -> Iterator[Diagnostic]:
    """Yield a finding where the outputs are not the logits or probabilities that are read."""
    loss: Criterion = spec.objective.loss
    if loss.activation is None:
        return
    step = ending(net)
    layer, mark = layer_of(step), step.origin.mark if step else None
    last = layer.kind if layer else "its input"
    notes = (f"the loss is at {loss.mark.seen_from(mark)}",) if loss.mark else ()
    if loss.outputs == "logits" and (
        last == "softmax" or getattr(layer, "output_range", None) is not None
    ):
        message = f"{loss.kind} needs logits, the {key} ends in {last}"
        help = f"remove {last}"
        if last == loss.activation:
            help += f", or write `loss: {{{loss.kind}: {{reads: probabilities}}}}`"
        yield Diagnostic("loss-needs-logits", message, mark, notes, help)
    elif loss.outputs == "probabilities" and last != loss.activation:
        message = f"{loss.kind} reads probabilities, the {key} ends in {last}"
        help = f"add {loss.activation} at its end, or remove `reads: probabilities`"
        yield Diagnostic("loss-needs-probabilities", message, mark, notes, help)


def check_images(spec: Spec, key: str, nets: dict[str, Net], than: str) -> Iterator[Diagnostic]:
    """Yield findings about a network whose targets are the images; `than` ends what it makes."""
    mismatch = list(check_criterion(spec, "images"))
    yield from mismatch
    if net := nets.get(key):
        yield from image_mismatch(spec, key, net, f"the {key} makes {net.output}{than}")
        if not mismatch:  # what another criterion wants is another question
            yield from check_outputs(spec, key, net)
        yield from output_range(spec, net)
