"""What a GAN's two networks, its data and its objective ask of each other."""

from __future__ import annotations

from collections.abc import Iterator

from ganspec.language.errors import Diagnostic
from ganspec.language.tree import find
from ganspec.program.ir import Net
from ganspec.systems.agreement import (
    ending,
    image_mismatch,
    labels_fit,
    layer_of,
    output_range,
)
from ganspec.systems.gan.clashes import clashes
from ganspec.systems.spec import Spec

WANTED = {"logits": "logits", "scores": "scores of any size"}


def contract(spec: Spec, nets: dict[str, Net]) -> Iterator[Diagnostic]:
    """Yield findings, warnings among them, about the networks that could be lowered."""
    if net := nets.get("generator"):
        wanted = spec.data.shown_shape
        made = f"the generator makes {net.output}, the discriminator reads {wanted}"
        yield from image_mismatch(spec, "generator", net, made)
        yield from output_range(spec, net)
    if net := nets.get("discriminator"):
        yield from _score(spec, net)
        yield from _penalty(spec, net)
    yield from clashes(spec)
    yield from _labels(spec, nets)
    yield from _auxiliary(spec, nets)


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
        mark = place.start
        yield Diagnostic("unused-condition", message, mark, (), help, severity="warning")


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
        mark = find(spec.tree, ("objective", "auxiliary")).start
        message = "the discriminator has no head for this loss"
        help = "add the layer `auxiliary` to it, before its last one"
        yield Diagnostic("auxiliary-mismatch", message, mark, (), help)
