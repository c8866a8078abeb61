"""Training rules that exclude each other."""

from __future__ import annotations

from collections.abc import Iterator

from ganspec.language.errors import Diagnostic
from ganspec.language.tree import find
from ganspec.systems.spec import Spec

FACTS = ("d_conditional", "auxiliary")  # what a penalty may read besides its fields


def clashes(spec: Spec) -> Iterator[Diagnostic]:
    """A finding for every pair of training rules that cannot both hold."""
    yield from _apart(spec)
    train = spec.train
    if (train.skip.generator or train.skip.discriminator) and train.steps.discriminator > 1:
        message = "skip rules measure both losses before the discriminator's one update"
        yield _finding(spec, ("skip",), message, "take `steps: {discriminator: ...}` away")
    if train.latents == "reused" and train.steps.generator > 1:
        message = "only one update of the generator can reuse the discriminator's latents"
        yield _finding(spec, ("latents",), message, "write `latents: fresh`")
    if train.generator_batch and train.latents == "reused":
        message = "the generator cannot reuse latents for a batch of another size"
        yield _finding(spec, ("generator_batch",), message, "take `latents: reused` away")
    yield from _facts(spec)
    labelled = spec.condition is not None
    if train.generator_batch and labelled and train.labels == "real":
        message = "a generator batch of its own size has no real batch to take labels from"
        yield _finding(spec, ("generator_batch",), message, "add `labels: random`")
    if train.labels == "random" and not labelled:
        message = "there are no labels to draw: the spec has no `condition`"
        help = "add `condition: {kind: classes, size: 10}`, or take `labels` away"
        yield _finding(spec, ("labels",), message, help)


def _facts(spec: Spec) -> Iterator[Diagnostic]:
    """Yield a finding for every field of the penalty that hides a fact which it is told."""
    penalty = spec.objective.penalty
    for name in FACTS if penalty else ():
        if name in type(penalty).model_fields:
            message = f"the penalty `{penalty.kind}` has a field `{name}`, which training sets"
            help = "give the field another name"
            yield Diagnostic("rule-conflict", message, penalty.mark, (), help)


def _apart(spec: Spec) -> Iterator[Diagnostic]:
    """Two updates of the discriminator know nothing of terms that tie real and fake together."""
    if spec.train.updates != "apart":
        return
    objective, skip = spec.objective, spec.train.skip
    ties = {
        "a penalty": objective.penalty is not None,
        "an auxiliary head": objective.auxiliary is not None,
        "an L2 term": objective.l2.discriminator > 0,
        "skip rules": skip.generator is not None or skip.discriminator is not None,
    }
    for what, there in ties.items():
        if there:
            message = f"updates on real and on generated images apart leave no place for {what}"
            yield _finding(spec, ("updates",), message, "write `updates: together`")


def _finding(spec: Spec, path: tuple[str, ...], message: str, help: str) -> Diagnostic:
    node = find(spec.tree, ("train", *path))
    return Diagnostic("rule-conflict", message, node.mark if node else None, (), help)
