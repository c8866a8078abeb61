"""What the networks, the data and the objective ask of each other."""

from __future__ import annotations

from collections.abc import Iterator

from ganspec.compiler.ir import Net
from ganspec.language.errors import Diagnostic
from ganspec.language.kinds import kinds_of
from ganspec.language.spec import Spec


def contract(spec: Spec, nets: dict[str, Net]) -> Iterator[Diagnostic]:
    """Findings, warnings among them, about the networks that could be lowered."""
    if net := nets.get("generator"):
        yield from _image(spec, net)
        yield from _range(spec, net)
    if net := nets.get("discriminator"):
        yield from _score(spec, net)


def ending(net: Net) -> tuple[type | None, object]:
    """The layer class that makes the network's output, and its place."""
    last = next(reversed(list(net.leaves())), None)
    return (kinds_of("layer").get(last.origin.kind), last.origin.mark) if last else (None, None)


def _image(spec: Spec, net: Net) -> Iterator[Diagnostic]:
    wanted = " x ".join(map(str, spec.data.shape))
    if net.output.shape == spec.data.shape:
        return
    data = spec.tree.get("data")
    size = data.get("size") if data else None
    place = (size or data).mark if data else None
    note = f"the discriminator reads the images of `data`, line {place.line}" if place else ""
    message = f"the generator makes {net.output}, the discriminator reads {wanted}"
    help = _image_help(spec, net)
    mark = net.output.origin.mark if net.output.origin else None
    yield Diagnostic("image-mismatch", message, mark, (note,) if note else (), help)


def _image_help(spec: Spec, net: Net) -> str:
    made, wanted = net.output.shape, spec.data.shape
    if len(made) != 3:
        return "end the generator in a map, such as `conv: 3`"
    if made[1:] == wanted[1:]:
        return (
            f"let the last layer make {wanted[0]} channels, or set `data: {{channels: {made[0]}}}`"
        )
    return f"add or remove upsampling, or set `data: {{size: [{made[1]}, {made[2]}]}}`"


def _range(spec: Spec, net: Net) -> Iterator[Diagnostic]:
    layer, mark = ending(net)
    made = getattr(layer, "output_range", None)
    if made and tuple(made) != tuple(spec.data.range):
        low, high = spec.data.range
        message = f"{layer.kind} makes {made[0]:g} to {made[1]:g}, images are {low:g} to {high:g}"
        help = f"set `data: {{range: [{made[0]:g}, {made[1]:g}]}}`"
        yield Diagnostic("range-mismatch", message, mark, (), help, severity="warning")


def _score(spec: Spec, net: Net) -> Iterator[Diagnostic]:
    layer, mark = ending(net)
    if net.output.shape[0] != 1:
        message = f"the discriminator makes {net.output}, not one score"
        help = "end it in `linear: 1`, or in a conv of one channel for a map of scores"
        yield Diagnostic("score-mismatch", message, mark, (), help)
        return
    loss, range_ = spec.objective.loss, getattr(layer, "output_range", None)
    note = (f"the loss is at line {loss.mark.line}",) if loss.mark else ()
    if loss.scores != "probabilities" and range_ is not None:
        what = "logits" if loss.scores == "logits" else "unbounded scores"
        message = f"{loss.kind} needs {what}, the discriminator ends in {layer.kind}"
        help = f"remove {layer.kind}"
        if loss.scores == "logits" and layer.kind == "sigmoid":
            help += f", or write `loss: {{{loss.kind}: {{reads: probabilities}}}}`"
        yield Diagnostic("loss-needs-logits", message, mark, note, help)
    if loss.scores == "probabilities" and range_ != (0.0, 1.0):
        kind = layer.kind if layer else "a block"
        message = f"{loss.kind} reads probabilities, the discriminator ends in {kind}"
        help = "add sigmoid at its end, or remove `reads: probabilities`"
        yield Diagnostic("loss-needs-probabilities", message, mark, note, help)
