"""Checks that any network fits its data and its labels."""

from __future__ import annotations

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

# Calls that keep the range of their input.
KEEPS_RANGE = (
    *(nn.Flatten, nn.Unflatten, nn.Identity, nn.AvgPool2d, nn.MaxPool2d, nn.Upsample),
    *(nn.PixelShuffle, torch.mean, torch.amax),
)


@dataclass(frozen=True)
class Ending:
    """The layer that gives a network's output its range; None if the input decides it."""

    layer: type[Layer] | None
    mark: Mark | None

    @property
    def name(self) -> str:
        return self.layer.kind if self.layer else "its input"

    @property
    def range(self) -> tuple[float, float] | None:
        """Bounds of the output; None if it has none."""
        if self.layer is None or self.layer.output_range is None:
            return None
        low, high = self.layer.output_range
        return low, high


def ending(net: Net) -> Ending:
    """Return the ending of a network."""
    step = _last_step(net)
    if step is None:
        return Ending(None, None)
    layer = kinds_of("layer").get(step.origin.kind)
    return Ending(layer if layer and issubclass(layer, Layer) else None, step.origin.mark)


def _last_step(net: Net) -> Step | None:
    """Return the step that gives a network's output its range; None if the input decides it."""
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
    """Return the place of the layer that makes the output of the network `key`."""
    layers = spec.network(key).layers
    return mark_of(net.output) or (layers[-1].mark if layers else None)


def mark_of(value: Value) -> Mark | None:
    """Return the place of the layer that makes a value; None if it is an input."""
    return value.origin.mark if value.origin else None


def image_mismatch(spec: Spec, key: str, net: Net, message: str) -> Iterator[Diagnostic]:
    """Yield an error with `message` if a network's images have another shape than the data's."""
    if net.output.shape == spec.data.shape:
        return
    mark = output_mark(spec, key, net)
    data = find(spec.tree, ("data",))
    place = (data.get("size") or data.get("dataset") or data).mark.seen_from(mark)
    own_size = "" if spec.data.size else ", in the data set's own size"
    note = f"the images are those of `data`, {place}{own_size}"
    yield Diagnostic("image-mismatch", message, mark, (note,), _image_help(spec, net))


def _image_help(spec: Spec, net: Net) -> str:
    shape, wanted = net.output.shape, spec.data.shape
    if len(shape) != 3:
        return f"end the {net.name.lower()} in a map, such as `conv: {wanted[0]}`"
    if shape[1:] != wanted[1:]:
        size = f", or set `data: {{size: [{shape[1]}, {shape[2]}]}}`" if max(shape) <= 8192 else ""
        return f"add or remove upsampling{size}"
    help = f"let the last layer make {wanted[0]} channels"
    return f"{help}, or set `data: {{channels: {shape[0]}}}`" if shape[0] in (1, 3) else help


def output_range(spec: Spec, net: Net) -> Iterator[Diagnostic]:
    """Yield a warning if a network's images have another range than the data's."""
    end = ending(net)
    if end.range is None or end.range == spec.data.range:
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
    """Return a note that names the place of the images' range, as seen from `mark`."""
    place = find(spec.tree, ("data", "range")).mark.seen_from(mark)
    return f"the images' range is that of `data`, {place}"


def _span(bounds: tuple[float, float]) -> str:
    return f"{bounds[0]:g} to {bounds[1]:g}"


def labels_fit(spec: Spec, key: str, label: Label) -> Iterator[Diagnostic]:
    """Yield an error if `label`, declared under `key`, is not the label of the data set.

    Nothing is known of a data set whose files alone tell its labels.
    """
    dataset, size = spec.data.dataset, int(label.size)
    known = dataset.label_kind()
    if known is None or known == (label.kind, size):
        return
    kind, count = known
    mark = find(spec.tree, (key, "size" if kind == label.kind else "kind")).mark
    message = f"`{key}` says {worded(label.kind, size)}, the images have {worded(kind, count)}"
    notes: tuple[str, ...] = ()
    if dataset.mark:
        notes = (f"the images are those of {dataset.kind}, {dataset.mark.seen_from(mark)}",)
    help = f"write `{key}: {{kind: {kind}, size: {count}}}`"
    yield Diagnostic("label-mismatch", message, mark, notes, help)


def worded(kind: str, count: int) -> str:
    """Return a kind of labels and their number of classes in words."""
    classes = "1 class" if count == 1 else f"{count} classes"
    return classes if kind == "classes" else f"multi-hot labels of {classes}"
