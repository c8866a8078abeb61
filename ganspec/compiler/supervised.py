"""What a classifier or an autoencoder, its data and its objective ask of each other."""

from __future__ import annotations

from collections.abc import Iterator

from ganspec.compiler.agreement import (
    ending,
    image_help,
    images_of,
    labels_fit,
    layer_of,
    output_range,
)
from ganspec.compiler.ir import Net
from ganspec.criteria.criterion import Criterion
from ganspec.language.errors import Diagnostic, Mark
from ganspec.language.kinds import kinds_of
from ganspec.language.supervised import Classifier, Supervised

TARGETS = {"classes": "one class", "multi_hot": "multi-hot labels", "images": "images"}


def supervised(spec: Supervised, nets: dict[str, Net]) -> Iterator[Diagnostic]:
    """Findings, warnings among them, about the network, where it could be lowered."""
    (key,) = spec.networks
    net, of_labels = nets.get(key), isinstance(spec, Classifier)
    if of_labels:
        yield from labels_fit(spec, "label")
    mismatch = list(_criterion(spec, spec.label.kind if of_labels else "images"))
    yield from mismatch
    if net is None:
        return
    yield from _classes(spec, net) if of_labels else _image(spec, net)
    if not mismatch:  # what another criterion wants is another question
        yield from _outputs(spec, key, net)
    if not of_labels:
        yield from output_range(spec, net)


def _criterion(spec: Supervised, targets: str) -> Iterator[Diagnostic]:
    """The criterion is of such targets, and they lie where it wants them."""
    loss = spec.objective.loss
    if targets not in loss.targets:
        of = " or ".join(TARGETS[name] for name in loss.targets)
        message = f"{loss.kind} is of {of}, not of {TARGETS[targets]}"
        fitting = [k for k, kind in kinds_of("criterion").items() if targets in kind.targets]
        help = f"use {' or '.join(f'`{kind}`' for kind in fitting)}"
        notes = ()
        if place := spec.tree.find(("label", "kind")) if targets != "images" else None:
            notes = (f"the labels are at {place.mark.seen_from(loss.mark)}",)
        yield Diagnostic("loss-mismatch", message, loss.mark, notes, help)
    elif targets == "images" and loss.activation and spec.data.range[0] < 0:
        message = f"{loss.kind} is of images in 0 to 1, these are in -1 to 1"
        data = spec.tree.get("data")
        place = (data.get("range") or data).mark.seen_from(loss.mark)
        notes = (f"the images' range is that of `data`, {place}",)
        help = "set `data: {range: [0, 1]}`, or use `mean_squared_error`"
        yield Diagnostic("loss-mismatch", message, loss.mark, notes, help)


def _classes(spec: Classifier, net: Net) -> Iterator[Diagnostic]:
    """The classifier makes a number for each class."""
    size = int(spec.label.size)
    if net.output.shape == (size,):
        return
    mark = _last(spec.classifier.layers, net)
    place = spec.tree.find(("label", "size")).mark.seen_from(mark)
    message = f"the classifier makes {net.output}, not one number for each of {size} classes"
    help = f"end it in `linear: {size}`"
    yield Diagnostic("class-mismatch", message, mark, (f"the classes are those of {place}",), help)


def _image(spec: Supervised, net: Net) -> Iterator[Diagnostic]:
    """What comes out has the shape of what went in."""
    if net.output.shape == spec.data.shape:
        return
    mark = _last(spec.autoencoder.layers, net)
    read = net.inputs[0].value
    message = f"the autoencoder makes {net.output} of images of {read}"
    yield Diagnostic("image-mismatch", message, mark, images_of(spec, mark), image_help(spec, net))


def _last(layers: tuple, net: Net) -> Mark | None:
    """The place of the layer that makes a network's output."""
    mark = net.output.origin.mark if net.output.origin else None
    return mark or layers[-1].mark


def _outputs(spec: Supervised, key: str, net: Net) -> Iterator[Diagnostic]:
    """Logits or probabilities, as the criterion reads them."""
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
