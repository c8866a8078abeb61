"""Checks that a GAN's two networks fit each other, their data and their objective."""

from __future__ import annotations

from collections.abc import Iterator

from ganspec.language.errors import Diagnostic
from ganspec.language.settings import HELP, OPTION
from ganspec.language.tree import find
from ganspec.program.ir import Net
from ganspec.systems.agreement import (
    check_labels,
    check_range,
    check_shape,
    ending,
    mark_of,
    output_mark,
)
from ganspec.systems.gan.clashes import clashes
from ganspec.systems.gan.fields import GanFields

WANTED = {"logits": "logits", "scores": "scores of any size"}  # what a loss reads, in messages
OF_A_BATCH = ("batch_norm", "class_batch_norm")  # layers that normalize by the batch


def contract(spec: GanFields, nets: dict[str, Net]) -> Iterator[Diagnostic]:
    """Yield the errors and warnings of `Gan.contract`."""
    if net := nets.get("generator"):
        message = f"the generator makes {net.output}, the discriminator reads "
        yield from check_shape(spec, "generator", net, message + spec.data.shown_shape)
        yield from check_range(spec, net)
    if net := nets.get("discriminator"):
        yield from _score(spec, net)
        yield from _penalty(spec, net)
    yield from _latent(spec)
    yield from clashes(spec)
    yield from _labels(spec, nets)
    yield from _conditions(spec, nets)
    yield from _auxiliary(spec, nets)


def _latent(spec: GanFields) -> Iterator[Diagnostic]:
    """Yield an error if the spec gives bounds to latents that are not uniform."""
    latent, node = spec.latent, find(spec.tree, ("latent",))
    bounds, drawn = node.get("range"), node.get("distribution")
    if bounds is None or latent.unread or latent.distribution == "uniform":
        return
    message = f"`range` has no effect: `{latent.distribution}` latents have no bounds"
    notes: tuple[str, ...] = ()
    other = "take `range` away"
    own = bounds.mark.text
    if drawn and drawn.mark.text != own and own.name not in HELP:  # inherited bounds
        notes = (f"the distribution is set at {drawn.mark}",)
        other = f"add `range: null` beside `distribution: {latent.distribution}`"
        other = "add `--set latent.range=null`" if drawn.mark.text.name == OPTION else other
    help = f"write `distribution: uniform`, or {other}"
    yield Diagnostic("bad-value", message, bounds.start, notes, help)


def _score(spec: GanFields, net: Net) -> Iterator[Diagnostic]:
    """Yield an error if the discriminator does not make scores that the loss can read."""
    if net.output.shape[0] != 1:
        message = f"the discriminator makes {net.output}, not one score"
        help = "end it in `linear: 1`, or in a conv of one channel for a map of scores"
        mark = output_mark(spec, "discriminator", net)
        yield Diagnostic("score-mismatch", message, mark, (), help)
        return
    end, loss = ending(net), spec.objective.loss
    if loss.is_unread:
        return
    notes = (f"the loss is at {loss.mark.seen_from(end.mark)}",) if loss.mark else ()
    if loss.scores != "probabilities" and end.range is not None:
        message = f"{loss.kind} needs {WANTED[loss.scores]}, the discriminator ends in {end.name}"
        help = f"remove {end.name}"
        if loss.scores == "logits" and end.range == (0.0, 1.0):
            help += f", or write `loss: {{{loss.kind}: {{reads: probabilities}}}}`"
        yield Diagnostic("loss-needs-logits", message, end.mark, notes, help)
    elif loss.scores == "probabilities" and end.range != (0.0, 1.0):
        message = f"{loss.kind} reads probabilities, the discriminator ends in {end.name}"
        help = "end it in sigmoid, or remove `reads: probabilities`"
        yield Diagnostic("loss-needs-probabilities", message, end.mark, notes, help)


def _penalty(spec: GanFields, net: Net) -> Iterator[Diagnostic]:
    """Yield a warning if the spec has a penalty, and the discriminator a batch norm.

    A penalty takes the gradient of each image's score with respect to that image. Batch norm makes
    the score depend on the other images of the batch, too.
    """
    step = next((step for step in net.leaves() if step.origin.kind in OF_A_BATCH), None)
    if step and spec.objective.penalty:
        message = (
            f"{step.origin.kind} ties a batch's images together, the penalty takes them one by one"
        )
        help = "use instance or layer normalization (Gulrajani et al., 2017, section 4)"
        mark = step.origin.mark
        yield Diagnostic("batch-norm-penalty", message, mark, (), help, severity="warning")


def _labels(spec: GanFields, nets: dict[str, Net]) -> Iterator[Diagnostic]:
    """Yield an error if labels differ from the data set's, a warning if no network reads them."""
    if spec.condition is None:
        return
    yield from check_labels(spec, "condition", spec.condition)
    if (
        len(nets) == 2
        and not spec.gaps
        and not any(net.conditional or net.heads for net in nets.values())
    ):
        message = "the labels are declared, and no network reads them"
        help = "give a network `condition: concat`, or remove it here"
        mark = find(spec.tree, ("condition",)).start
        yield Diagnostic("unused-condition", message, mark, (), help, severity="warning")


def _conditions(spec: GanFields, nets: dict[str, Net]) -> Iterator[Diagnostic]:
    """Yield an error if `train` has `conditions`, but the generator reads no multi-hot labels."""
    unknown = "condition" in spec.unread
    if spec.train.conditions is None or "generator" not in nets or unknown:
        return
    several = spec.condition is not None and spec.condition.kind == "multi_hot"
    if not several or not nets["generator"].conditional:
        message = "`conditions` asks for pictures of multi-hot labels, but the generator reads none"
        declared = "" if several else "`condition: {kind: multi_hot, size: 24}` and "
        help = f"take `conditions` away, or add {declared}a condition of the generator"
        mark = find(spec.tree, ("train", "conditions")).mark
        yield Diagnostic("rule-conflict", message, mark, (), help)


def _auxiliary(spec: GanFields, nets: dict[str, Net]) -> Iterator[Diagnostic]:
    """Yield an error if the discriminator's head `auxiliary` lacks its loss, or the loss its head.

    Yield an error for each head of the generator, too, which must have none.
    """
    for head in nets["generator"].heads if "generator" in nets else ():
        message = "the generator cannot classify its own images"
        help = "put auxiliary into the discriminator's layers"
        yield Diagnostic("bad-value", message, mark_of(head), (), help)
    if "discriminator" not in nets:
        return
    heads, wanted = nets["discriminator"].heads, spec.objective.auxiliary is not None
    if "auxiliary" in spec.objective.unread:
        return
    if heads and not wanted:
        message = "the objective has no loss for this head"
        help = "add `objective: {auxiliary: 1}`"
        yield Diagnostic("auxiliary-mismatch", message, mark_of(heads[0]), (), help)
    elif wanted and not heads:
        mark = find(spec.tree, ("objective", "auxiliary")).start
        message = "the discriminator has no head for this loss"
        help = "add the layer `auxiliary` to it, before its last one"
        yield Diagnostic("auxiliary-mismatch", message, mark, (), help)
