"""Checks that the networks of any system fit the data set in shape, range and labels."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import nn

from ganspec.kinds.layer import Layer
from ganspec.language.errors import Diagnostic, Mark
from ganspec.language.kinds import kinds_of
from ganspec.language.tree import find
from ganspec.program.ir import Net, Step, Value
from ganspec.systems.spec import Label, Spec

# Modules and functions whose output keeps the range of their input.
KEEPS_RANGE = (
    *(nn.Flatten, nn.Unflatten, nn.Identity, nn.AvgPool2d, nn.MaxPool2d, nn.Upsample),
    *(nn.PixelShuffle, torch.mean, torch.amax),
)


@dataclass(frozen=True)
class Ending:
    """The last layer of a network that may change the range of its numbers.

    `layer` is None if there is no such layer: the output has the range of the input. `mark` is the
    layer's place in the spec.
    """

    layer: type[Layer] | None
    mark: Mark | None

    @property
    def name(self) -> str:
        return self.layer.kind if self.layer else "its input"

    @property
    def range(self) -> tuple[float, float] | None:
        """The lowest and highest number that `layer` can give; None if unknown or infinite."""
        return self.layer.output_range if self.layer else None


def ending(net: Net) -> Ending:
    """Return the last layer of a network that may change the range of its numbers, if any."""
    step = _last_step(net)
    if step is None:
        return Ending(None, None)
    layer = kinds_of("layer").get(step.origin.kind)
    return Ending(layer if layer and issubclass(layer, Layer) else None, step.origin.mark)


def _last_step(net: Net) -> Step | None:
    """Return the last step of a network that may change the range of numbers; None if none may."""
    steps = {step.output.id: step for step in net.steps}
    step = steps.get(net.output.id)
    while step is not None:
        if isinstance(step.call.target, Net):
            inner = _last_step(step.call.target)
            if inner is not None:
                return inner
        elif step.call.target not in KEEPS_RANGE or len(step.inputs) != 1:
            return step
        step = steps.get(step.inputs[0])
    return None


def output_mark(spec: Spec, key: str, net: Net) -> Mark | None:
    """Return the place of the layer that makes the output of network `key`; None if unknown."""
    layers = spec.network(key).layers
    return mark_of(net.output) or (layers[-1].mark if layers else None)


def mark_of(value: Value) -> Mark | None:
    """Return the place of the layer that computes `value`; None for an input, or if unknown."""
    return value.origin.mark if value.origin else None


def check_shape(spec: Spec, key: str, net: Net, message: str) -> Iterator[Diagnostic]:
    """Yield an error with `message` if the shape of a network's images is not that of `data`.

    Numbers of the shape that are `unknown` in the spec agree with any.
    """
    made, wanted = net.output.shape, spec.data.known_shape
    if _agrees(made, wanted):
        return
    mark = output_mark(spec, key, net)
    data = find(spec.tree, ("data",))
    place = (data.get("size") or data.get("dataset") or data).mark.seen_from(mark)
    own_size = "" if spec.data.size else ", in the data set's own size"
    note = f"the images are those of `data`, {place}{own_size}"
    yield Diagnostic("image-mismatch", message, mark, (note,), _image_help(spec, net))


def _agrees(made: tuple[int, ...], wanted: tuple[int | None, ...]) -> bool:
    """Return True if the shapes are equal except for the numbers of `wanted` that are None."""
    return len(made) == len(wanted) and all(
        n in (None, m) for m, n in zip(made, wanted, strict=True)
    )


def _image_help(spec: Spec, net: Net) -> str:
    shape, wanted = net.output.shape, spec.data.shape
    if len(shape) != 3:
        if None not in spec.data.known_shape:
            way = "reshape" if math.prod(shape) == math.prod(wanted) else "project"
            return f"end the {net.name.lower()} in `{way}: {list(wanted)}`"
        return f"end the {net.name.lower()} in a map, such as `conv: {wanted[0]}`"
    if not _agrees(shape[1:], spec.data.known_shape[1:]):
        other = shape[0] in (1, 3) and shape[0] != wanted[0]
        fields = f"size: [{shape[1]}, {shape[2]}]" + (f", channels: {shape[0]}" if other else "")
        size = f", or set `data: {{{fields}}}`" if max(shape) <= 8192 else ""
        return f"add or remove upsampling{size}"
    help = f"let the last layer make {wanted[0]} channel{'s' if wanted[0] != 1 else ''}"
    return f"{help}, or set `data: {{channels: {shape[0]}}}`" if shape[0] in (1, 3) else help


def check_range(spec: Spec, net: Net) -> Iterator[Diagnostic]:
    """Yield a warning if a network's last layer bounds its images to another range than `data`."""
    end = ending(net)
    if "range" in spec.data.unread or end.range in (None, spec.data.range):
        return
    images = _span(spec.data.range)
    message = f"{end.name} gives {_span(end.range)}, but the images are {images}"
    note = range_note(spec, end.mark)
    if find(spec.tree, ("data", "range")) is find(spec.tree, ("data",)):
        note = f"images are {images} unless `data` says otherwise"
    help = f"set `data: {{range: [{end.range[0]:g}, {end.range[1]:g}]}}`"
    if end.range not in ((-1.0, 1.0), (0.0, 1.0)):
        last = "tanh" if spec.data.range[0] < 0 else "sigmoid"
        help = f"end the {net.name.lower()} in `{last}`"
    yield Diagnostic("range-mismatch", message, end.mark, (note,), help, severity="warning")


def range_note(spec: Spec, mark: Mark | None) -> str:
    """Return a note that says where the spec sets the images' range.

    `mark` is the place of the diagnostic. A place in the same file is named without the file.
    """
    place = find(spec.tree, ("data", "range")).mark.seen_from(mark)
    return f"the images' range is that of `data`, {place}"


def _span(bounds: tuple[float, float]) -> str:
    return f"{bounds[0]:g} to {bounds[1]:g}"


def check_labels(spec: Spec, key: str, label: Label) -> Iterator[Diagnostic]:
    """Yield an error if the data set's labels are not those that the spec declares under `key`.

    `label` is what the spec declares. Nothing is checked if one of the two is `unknown`, or if only
    the data set's files tell its labels.
    """
    dataset, size = spec.data.dataset, int(label.size)
    known = dataset.label_kind()
    if dataset.is_unread or label.is_unread or known is None or known == (label.kind, size):
        return
    kind, count = known
    mark = find(spec.tree, (key, "size" if kind == label.kind else "kind")).mark
    message = (
        f"`{key}` says {label_words(label.kind, size)}, the images have {label_words(kind, count)}"
    )
    notes: tuple[str, ...] = ()
    if dataset.mark:
        notes = (f"the images are those of {dataset.kind}, {dataset.mark.seen_from(mark)}",)
    help = f"write `{key}: {{kind: {kind}, size: {count}}}`"
    yield Diagnostic("label-mismatch", message, mark, notes, help)


def label_help(spec: Spec) -> str:
    """Return help for a spec that declares no labels, although networks or rules read them."""
    dataset = spec.data.dataset
    known = None if dataset.is_unread else dataset.label_kind()
    if known is None:  # the data set is unknown, or only its files tell the labels
        place = "to the spec's top level, with the number of classes as N"
        return f"add `condition: {{kind: classes, size: N}}` {place}"
    return "add `condition: {{kind: {}, size: {}}}` to the spec's top level".format(*known)


def label_words(kind: str, count: int) -> str:
    """Return labels in words: `10 classes`, `multi-hot labels of 24 classes`."""
    classes = "1 class" if count == 1 else f"{count} classes"
    return classes if kind == "classes" else f"multi-hot labels of {classes}"
