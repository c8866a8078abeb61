"""What the networks, the data and the objective ask of each other."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import nn

from ganspec.compiler.ir import Net, Step
from ganspec.compiler.schedule import clashes
from ganspec.language.errors import Diagnostic, Mark
from ganspec.language.kinds import kinds_of
from ganspec.language.spec import Spec
from ganspec.language.system import System
from ganspec.layers.layer import Layer

# Calls whose results lie where their inputs lie.
KEEPS_RANGE = (
    *(nn.Flatten, nn.Unflatten, nn.Identity, nn.AvgPool2d, nn.MaxPool2d, nn.Upsample),
    *(nn.PixelShuffle, torch.mean, torch.amax),
)
WANTED = {"logits": "logits", "scores": "scores of any size"}


def contract(spec: System, nets: dict[str, Net]) -> Iterator[Diagnostic]:
    """Findings, warnings among them, about the networks that could be lowered."""
    if isinstance(spec, Spec):
        yield from adversarial(spec, nets)
    else:
        from ganspec.compiler.supervised import supervised  # which reads this file's functions

        yield from supervised(spec, nets)


def adversarial(spec: Spec, nets: dict[str, Net]) -> Iterator[Diagnostic]:
    """What a GAN's two networks ask of each other."""
    if net := nets.get("generator"):
        yield from _image(spec, net)
        yield from output_range(spec, net)
    if net := nets.get("discriminator"):
        yield from _score(spec, net)
        yield from _penalty(spec, net)
    yield from clashes(spec)
    yield from _labels(spec, nets)
    yield from _auxiliary(spec, nets)


def ending(net: Net) -> Step | None:
    """The step that gives the network's output its range; None where the input is the output."""
    made = {step.output.id: step for step in net.flat()}
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


def _image(spec: Spec, net: Net) -> Iterator[Diagnostic]:
    if net.output.shape == spec.data.shape:
        return
    mark = net.output.origin.mark if net.output.origin else None
    if mark is None and spec.generator.layers:
        mark = spec.generator.layers[-1].mark
    wanted = " x ".join(map(str, spec.data.shape))
    message = f"the generator makes {net.output}, the discriminator reads {wanted}"
    yield Diagnostic("image-mismatch", message, mark, images_of(spec, mark), image_help(spec, net))


def images_of(spec: System, mark: Mark | None) -> tuple[str, ...]:
    """Where the spec says what its images are, as a note."""
    data = spec.tree.get("data")
    at = data.get("size") or data.get("dataset") or data
    note = f"the images are those of `data`, {at.mark.seen_from(mark)}"
    return (note,) if spec.data.size else (f"{note}, in the data set's own size",)


def image_help(spec: System, net: Net) -> str:
    """How to make the network's output one of the images."""
    made, wanted = net.output.shape, spec.data.shape
    if len(made) != 3:
        return f"end the {net.name.lower()} in a map, such as `conv: {wanted[0]}`"
    if made[1:] != wanted[1:]:
        data = f", or set `data: {{size: [{made[1]}, {made[2]}]}}`" if max(made) <= 8192 else ""
        return f"add or remove upsampling{data}"
    help = f"let the last layer make {wanted[0]} channels"
    return f"{help}, or set `data: {{channels: {made[0]}}}`" if made[0] in (1, 3) else help


def output_range(spec: System, net: Net) -> Iterator[Diagnostic]:
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


def _score(spec: Spec, net: Net) -> Iterator[Diagnostic]:
    if net.output.shape[0] != 1:
        mark = net.output.origin.mark if net.output.origin else None
        message = f"the discriminator makes {net.output}, not one score"
        help = "end it in `linear: 1`, or in a conv of one channel for a map of scores"
        mark = mark or spec.discriminator.layers[-1].mark
        yield Diagnostic("score-mismatch", message, mark, (), help)
        return
    step, loss = ending(net), spec.objective.loss
    layer, mark = layer_of(step), step.origin.mark if step else None
    range_ = getattr(layer, "output_range", None)
    notes = (f"the loss is at {loss.mark.seen_from(mark)}",) if loss.mark else ()
    if loss.scores != "probabilities" and range_ is not None:
        message = f"{loss.kind} needs {WANTED[loss.scores]}, the discriminator ends in {layer.kind}"
        help = f"remove {layer.kind}"
        if loss.scores == "logits" and tuple(range_) == (0.0, 1.0):
            help += f", or write `loss: {{{loss.kind}: {{reads: probabilities}}}}`"
        yield Diagnostic("loss-needs-logits", message, mark, notes, help)
    elif loss.scores == "probabilities" and tuple(range_ or ()) != (0.0, 1.0):
        last = layer.kind if layer else "its input"
        message = f"{loss.kind} reads probabilities, the discriminator ends in {last}"
        help = "add sigmoid at its end, or remove `reads: probabilities`"
        yield Diagnostic("loss-needs-probabilities", message, mark, notes, help)


def _penalty(spec: Spec, net: Net) -> Iterator[Diagnostic]:
    """A gradient penalty is of single images; batch norm makes one image's score all others'."""
    kinds = ("batch_norm", "class_batch_norm")
    step = next((step for step in net.leaves() if step.origin.kind in kinds), None)
    if step and spec.objective.penalty:
        message = (
            f"{step.origin.kind} ties a batch's images together, the penalty takes them one by one"
        )
        help = "use instance_norm or layer_norm (Gulrajani et al., 2017, section 4)"
        mark = step.origin.mark
        yield Diagnostic("batch-norm-penalty", message, mark, (), help, severity="warning")


def _labels(spec: Spec, nets: dict[str, Net]) -> Iterator[Diagnostic]:
    """The labels that the spec declares are the data set's, and something reads them."""
    if spec.condition is None:
        return
    yield from labels_fit(spec, "condition")
    if len(nets) == 2 and not any(net.conditional or net.heads for net in nets.values()):
        place = spec.tree.get("condition")
        message = "the labels are declared, and no network reads them"
        help = "give a network `condition: concat`, or remove it here"
        mark = place.key_mark or place.mark
        yield Diagnostic("unused-condition", message, mark, (), help, severity="warning")


def labels_fit(spec: System, key: str) -> Iterator[Diagnostic]:
    """The labels that the spec declares under `key` are the data set's, where that tells."""
    place, label = spec.tree.get(key), getattr(spec, key)
    said, size = label.kind, int(label.size)
    found = spec.data.dataset.label_kind()
    if found is not None and found != (said, size):
        kind, count = found
        differs = "size" if kind == said else "kind"
        mark = place.get(differs).mark
        data = spec.data.dataset
        message = f"`{key}` says {_worded(said, size)}, the images have {_worded(kind, count)}"
        notes = ()
        if data.mark:
            notes = (f"the images are those of {data.kind}, {data.mark.seen_from(mark)}",)
        help = f"write `{key}: {{kind: {kind}, size: {count}}}`"
        yield Diagnostic("label-mismatch", message, mark, notes, help)


def _worded(kind: str, count: int) -> str:
    return f"{count} classes" if kind == "classes" else f"multi-hot labels of {count} classes"


def _auxiliary(spec: Spec, nets: dict[str, Net]) -> Iterator[Diagnostic]:
    """The discriminator has a head just where the objective has a loss for it."""
    for head in nets["generator"].heads if "generator" in nets else ():
        message, mark = "the generator cannot classify its own images", head.origin.mark
        help = "put auxiliary into the discriminator's layers"
        yield Diagnostic("bad-value", message, mark, (), help)
    if "discriminator" not in nets:
        return
    heads, wanted = nets["discriminator"].heads, spec.objective.auxiliary
    if heads and wanted is None:
        message = "nothing says how the auxiliary's loss counts"
        help = "add `objective: {auxiliary: 1}`"
        yield Diagnostic("auxiliary-mismatch", message, heads[0].origin.mark, (), help)
    elif wanted is not None and not heads:
        mark = spec.tree.find(("objective", "auxiliary")).key_mark
        message = "the discriminator has no head for this loss"
        help = "add the layer `auxiliary` to it, before its last one"
        yield Diagnostic("auxiliary-mismatch", message, mark, (), help)
