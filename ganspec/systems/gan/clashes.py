"""Checks that no two rules of a GAN's training exclude each other."""

from __future__ import annotations

from collections.abc import Iterator

from ganspec.language.errors import Diagnostic
from ganspec.language.tree import find
from ganspec.systems.gan.fields import GanFields

FACTS = ("d_conditional", "auxiliary")  # settings in a penalty's `cfg` besides its fields


def clashes(spec: GanFields) -> Iterator[Diagnostic]:
    """Yield an error for every pair of training rules that cannot both hold."""
    yield from _apart(spec)
    train = spec.train
    if (train.skip.generator or train.skip.discriminator) and train.steps.discriminator > 1:
        message = "skip rules measure both losses before the discriminator's one update"
        yield _clash(spec, "skip", message, "take `steps: {discriminator: ...}` away")
    if train.latents == "reused" and train.steps.generator > 1:
        message = "only one update of the generator can reuse the discriminator's latents"
        yield _clash(spec, "latents", message, "write `latents: fresh`")
    if train.generator_batch and train.latents == "reused":
        message = "the generator cannot reuse latents for a batch of another size"
        yield _clash(spec, "generator_batch", message, "take `latents: reused` away")
    yield from _facts(spec)
    labelled = spec.condition is not None
    if train.generator_batch and labelled and train.labels == "real":
        message = "a generator batch of its own size has no real batch to take labels from"
        yield _clash(spec, "generator_batch", message, "add `labels: random`")
    if train.labels == "random" and not labelled:
        message = "there are no labels to draw: the spec has no `condition`"
        help = "add `condition: {kind: classes, size: 10}`, or take `labels` away"
        yield _clash(spec, "labels", message, help)


def _facts(spec: GanFields) -> Iterator[Diagnostic]:
    """Yield an error for every field of the penalty whose name is in `FACTS`."""
    penalty = spec.objective.penalty
    if penalty is None:
        return
    for name in FACTS:
        if name in type(penalty).model_fields:
            message = f"the penalty `{penalty.kind}` has a field `{name}`, which training sets"
            help = "give the field another name"
            yield Diagnostic("rule-conflict", message, penalty.mark, (), help)


def _apart(spec: GanFields) -> Iterator[Diagnostic]:
    """Yield an error for every term that `updates: apart` does not support."""
    if spec.train.updates != "apart":
        return
    objective, skip = spec.objective, spec.train.skip
    terms = {
        "a penalty": objective.penalty is not None,
        "an auxiliary head": objective.auxiliary is not None,
        "an L2 term": objective.l2.discriminator > 0,
        "skip rules": skip.generator is not None or skip.discriminator is not None,
    }
    for term, is_set in terms.items():
        if is_set:
            message = f"updates on real and on generated images apart leave no place for {term}"
            yield _clash(spec, "updates", message, "write `updates: together`")


def _clash(spec: GanFields, key: str, message: str, help: str) -> Diagnostic:
    node = find(spec.tree, ("train", key))
    return Diagnostic("rule-conflict", message, node.mark, (), help)
