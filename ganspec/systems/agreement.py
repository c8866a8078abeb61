"""What any network, its data and its labels ask of each other."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import nn

from ganspec.kinds.layer import Layer
from ganspec.language.errors import Diagnostic, Mark
from ganspec.language.kinds import kinds_of
from ganspec.program.ir import Net, Step
from ganspec.systems.spec import Spec

# Calls whose results lie where their inputs lie.
KEEPS_RANGE = (
    *(nn.Flatten, nn.Unflatten, nn.Identity, nn.AvgPool2d, nn.MaxPool2d, nn.Upsample),
    *(nn.PixelShuffle, torch.mean, torch.amax),
)


def ending(net: Net) -> Step | None:
    """The step that gives the network's output its range; None where the input is the output."""
    made = {step.output.id: step for step in net.steps}
    at = made.get(net.output.id)
    while at is not None:
        if isinstance(at.call.target, Net):
            inner = ending(at.call.target)
            if inner is not None:
                return inner
        elif at.call.target not in KEEPS_RANGE or len(at.inputs) != 1:
            return at
        at = made.get(at.inputs[0])
    return None


def layer_of(step: Step | None) -> type[Layer] | None:
    """The layer that a step came from."""
    return kinds_of("layer").get(step.origin.kind) if step else None


def images_of(spec: Spec, mark: Mark | None) -> tuple[str, ...]:
    """Where the spec says what its images are, as a note."""
    data = spec.tree.get("data")
    at = data.get("size") or data.get("dataset") or data
    note = f"the images are those of `data`, {at.mark.seen_from(mark)}"
    return (note,) if spec.data.size else (f"{note}, in the data set's own size",)


def image_help(spec: Spec, net: Net) -> str:
    """How to make the network's output one of the images."""
    made, wanted = net.output.shape, spec.data.shape
    if len(made) != 3:
        return f"end the {net.name.lower()} in a map, such as `conv: {wanted[0]}`"
    if made[1:] != wanted[1:]:
        data = f", or set `data: {{size: [{made[1]}, {made[2]}]}}`" if max(made) <= 8192 else ""
        return f"add or remove upsampling{data}"
    help = f"let the last layer make {wanted[0]} channels"
    return f"{help}, or set `data: {{channels: {made[0]}}}`" if made[0] in (1, 3) else help


def image_mismatch(spec: Spec, key: str, net: Net, message: str) -> Iterator[Diagnostic]:
    """Yield the finding `message` where a network's images are not of the data's shape."""
    if net.output.shape == spec.data.shape:
        return
    mark = net.output.origin.mark if net.output.origin else None
    if mark is None and (layers := getattr(spec, key).layers):
        mark = layers[-1].mark
    yield Diagnostic("image-mismatch", message, mark, images_of(spec, mark), image_help(spec, net))


def output_range(spec: Spec, net: Net) -> Iterator[Diagnostic]:
    """A warning where a network that makes images makes them in another range."""
    step = ending(net)
    layer = layer_of(step)
    made, wanted = getattr(layer, "output_range", None), tuple(spec.data.range)
    if made is None or tuple(made) == wanted:
        return
    message = f"{layer.kind} makes {_span(made)}, the images are {_span(wanted)}"
    data = spec.tree.get("data")
    place = (data.get("range") or data).mark.seen_from(step.origin.mark)
    note = f"the images' range is that of `data`, {place}"
    if data.get("range") is None:
        note = f"images are {_span(wanted)} unless `data` says otherwise"
    help = f"set `data: {{range: [{made[0]:g}, {made[1]:g}]}}`"
    if tuple(made) not in ((-1.0, 1.0), (0.0, 1.0)):
        last = "tanh" if wanted[0] < 0 else "sigmoid"
        help = f"end the {net.name.lower()} in `{last}`"
    mark = step.origin.mark
    yield Diagnostic("range-mismatch", message, mark, (note,), help, severity="warning")


def _span(bounds: tuple[float, float]) -> str:
    return f"{bounds[0]:g} to {bounds[1]:g}"


def labels_fit(spec: Spec, key: str) -> Iterator[Diagnostic]:
    """The labels that the spec declares under `key` are the data set's, where that tells."""
    place, label = spec.tree.get(key), getattr(spec, key)
    said, size = label.kind, int(label.size)
    found = spec.data.dataset.label_kind()
    if found is not None and found != (said, size):
        kind, count = found
        differs = "size" if kind == said else "kind"
        mark = place.get(differs).mark
        data = spec.data.dataset
        message = f"`{key}` says {worded(said, size)}, the images have {worded(kind, count)}"
        notes = ()
        if data.mark:
            notes = (f"the images are those of {data.kind}, {data.mark.seen_from(mark)}",)
        help = f"write `{key}: {{kind: {kind}, size: {count}}}`"
        yield Diagnostic("label-mismatch", message, mark, notes, help)


def worded(kind: str, count: int) -> str:
    """What labels are, for a message."""
    classes = "1 class" if count == 1 else f"{count} classes"
    return classes if kind == "classes" else f"multi-hot labels of {classes}"
