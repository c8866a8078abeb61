"""Checks that a GAN's training rules do not contradict each other."""

from __future__ import annotations

from collections.abc import Iterator

from ganspec.language.errors import Diagnostic, suggestion
from ganspec.language.tree import find
from ganspec.systems.agreement import label_help
from ganspec.systems.gan.fields import GanFields
from ganspec.systems.gan.train import BUILT_IN, HALVES, STEP_LOSSES, Steps

FACTS = ("d_conditional", "auxiliary")  # names that training adds to a penalty's `cfg`


def clashes(spec: GanFields) -> Iterator[Diagnostic]:
    """Yield an error for every training rule that another part of the spec excludes.

    If the order of updates is wrong, yield only the first error about it.
    """
    problem = next(_misordered(spec), None)
    if problem:  # the other checks need a valid order of updates
        yield problem
        return
    yield from _apart(spec)
    yield from _generator_first(spec)
    yield from _own_update(spec)
    train = spec.train
    if train.skips and train.steps.discriminator > 1:
        message = "skip rules read the losses of one discriminator update, here are several"
        yield _clash(spec, "skip", message, "take `steps: {discriminator: ...}` away")
    if train.skips and train.gradients:
        message = "an update that a rule skips has no gradients to log"
        yield _clash(spec, "gradients", message, "take `gradients` or the rules away")
    reused = train.reused
    what = "generated images" if reused == "generated" else reused
    if reused and train.steps.generator > 1:
        message = f"{what} cannot be reused if an iteration has several updates of the generator"
        yield _clash(spec, reused, message, f"write `{reused}: fresh`")
    if train.generated == "reused" and train.warmup and train.warmup.images == "pixels":
        message = "a warm-up on random pixels leaves no generated images to reuse"
        yield _clash(spec, "generated", message, "write `generated: fresh`")
    if train.generator_batch and reused:
        message = f"{what} cannot be reused if the generator has a batch of its own size"
        yield _clash(spec, "generator_batch", message, f"take `{reused}: reused` away")
    yield from _reserved_fields(spec)
    labelled = spec.condition is not None
    if train.generator_batch and labelled and train.labels == "real":
        message = "a generator batch of its own size has no real batch to take labels from"
        yield _clash(spec, "generator_batch", message, "add `labels: random`")
    if train.labels == "random" and not labelled and "condition" not in spec.unread:
        message = "there are no labels to draw: the spec has no `condition`"
        yield _clash(spec, "labels", message, f"{label_help(spec)}, or take `labels` away")


def _reserved_fields(spec: GanFields) -> Iterator[Diagnostic]:
    """Yield an error for every field of the penalty whose name is in `FACTS`."""
    penalty = spec.objective.penalty
    if penalty is None:
        return
    for name in FACTS:
        if name in type(penalty).model_fields:
            message = f"the penalty `{penalty.kind}` has a field `{name}`, which training sets"
            help = "give the field another name"
            yield Diagnostic("rule-conflict", message, penalty.mark, (), help)


def _misordered(spec: GanFields) -> Iterator[Diagnostic]:
    """Yield an error for everything that is wrong with `order` and the names of `updates`."""
    train = spec.train
    known = [*BUILT_IN, *train.updates]
    for name in train.order:
        if name not in known:
            message = f"no update is called `{name}`"
            yield _clash(spec, "order", message, suggestion(name, known, "known updates"))
        elif (count := train.order.count(name)) > 1:
            message = f"`{name}` is {count} times in the order of updates"
            help = f"write `steps: {{{name}: {count}}}`" if name in Steps.model_fields else None
            yield _clash(spec, "order", message, help or "name it once")
    wanted = HALVES if set(train.order) & set(HALVES) else ("discriminator",)
    for name in (*wanted, "generator", *train.updates):
        if name not in train.order:
            message = f"`{name}` is not in the order of updates"
            help = f"write `order: [{', '.join((*train.order, name))}]`"
            yield _clash(spec, "updates" if name in train.updates else "order", message, help)
    if train.apart and "discriminator" in train.order:
        message = "`discriminator` updates on real and on generated images at once"
        yield _clash(spec, "order", message, "name either `discriminator`, or `real` and `fake`")
    halves = [i for i, name in enumerate(train.order) if name in HALVES]
    if len(halves) == 2 and halves[1] != halves[0] + 1:
        message = "an update is between `real` and `fake`, the halves of the discriminator's update"
        yield _clash(spec, "order", message, "write `real` and `fake` next to each other")
    for name in train.updates:
        if name in BUILT_IN:
            message = f"`{name}` is the name of a built-in update"
            yield _clash(spec, "updates", message, "give your update another name")


def _apart(spec: GanFields) -> Iterator[Diagnostic]:
    """Yield an error for every setting that excludes the updates `real` and `fake`."""
    if not spec.train.apart:
        return
    objective = spec.objective
    excluded = {
        "a penalty": objective.penalty is not None,
        "an auxiliary head": objective.auxiliary is not None,
        "an L2 term of the discriminator": objective.l2.discriminator > 0,
        "skip rules": spec.train.skips,
    }
    for setting, is_set in excluded.items():
        if is_set:
            message = f"separate updates on real and on generated images cannot have {setting}"
            yield _clash(spec, "order", message, "write `discriminator` for `real` and `fake`")


def _generator_first(spec: GanFields) -> Iterator[Diagnostic]:
    """Yield an error for every rule that needs the discriminator to be updated first."""
    train = spec.train
    several = train.steps.discriminator > 1
    help = "put `generator` after the discriminator's updates"
    if train.plan[0] != "discriminator":
        if train.warmup:
            message = "the warm-up trains the discriminator alone, so its update has to come first"
            yield _clash(spec, "warmup", message, "begin `order` with the discriminator")
        if several and train.batches == "fresh":
            message = "the first update has no batch: only discriminator updates draw batches"
            yield _clash(spec, "order", message, "write `batches: shared`")
    if train.generator_first:
        if train.skips:
            message = "skip rules read the losses of the discriminator's update, which comes later"
            yield _clash(spec, "skip", message, help)
        if several and train.reused:
            message = "only one update of the discriminator can reuse what the generator made"
            yield _clash(spec, "steps", message, "take `steps: {discriminator: ...}` away")


def _own_update(spec: GanFields) -> Iterator[Diagnostic]:
    """Yield an error for each fault of `train.updates`, and for an auxiliary loss without use."""
    auxiliary, updates = spec.objective.auxiliary, spec.train.updates
    if len(updates) > 1:
        message = "an iteration can have one update of your own"
        yield _clash(spec, "updates", message, "join them into one update of both networks")
    for name, update in updates.items():
        if auxiliary is None:
            message = f"`{name}` has no loss: the objective has no auxiliary loss"
            help = "add `objective: {auxiliary: {discriminator: 0, generator: 0}}`"
            yield _clash(spec, "updates", message, help)
        elif (
            auxiliary.images == "real"
            # with a weight, the discriminator's update reads `images`
            and not auxiliary.discriminator
            and "generator" in update.networks
        ):
            message = f"`images` has no effect: `{name}` changes the generator, by generated images"
            node = find(spec.tree, ("objective", "auxiliary", "images"))
            yield Diagnostic("rule-conflict", message, node.mark, (), "take `images` away")
        if len(set(update.networks)) < len(update.networks):
            message = f"`{name}` names a network twice"
            yield _clash(spec, "updates", message, "name it once")
        of_head = ("q_loss",) if auxiliary and auxiliary.discriminator else ()
        # resuming removes measurements on test images, `test_...`, from the log's last line
        if f"{name}_loss" in (*STEP_LOSSES, *of_head) or f"{name}_loss".startswith("test_"):
            message = f"`{name}_loss` has another meaning in logs"
            yield _clash(spec, "updates", message, "give your update another name")
    if auxiliary and not (auxiliary.discriminator or auxiliary.generator or updates):
        node = find(spec.tree, ("objective", "auxiliary"))
        help = "give it a weight, or an update of its own in `train: {updates: ...}`"
        yield Diagnostic("rule-conflict", "no update uses this loss", node.mark, (), help)


def _clash(spec: GanFields, key: str, message: str, help: str) -> Diagnostic:
    """Return an error at the field `key` of `train`."""
    node = find(spec.tree, ("train", key))
    return Diagnostic("rule-conflict", message, node.mark, (), help)
