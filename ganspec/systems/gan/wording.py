"""A GAN's settings in a few words each, for tables that compare specs."""

from __future__ import annotations

from collections.abc import Callable

from ganspec.language.unread import known
from ganspec.systems.gan.fields import AuxiliaryLoss, Decay, GanFields, Objective
from ganspec.systems.gan.train import OwnUpdate, Train, Warmup
from ganspec.systems.terms import plain, rules, said, shown

# fields of `train` that other rows show, or the text of `order`
ELSEWHERE = {"generator_batch", "steps", "updates"}


def properties(spec: GanFields) -> dict[str, dict[str, str]]:
    """Return texts for comparison tables, by the section and the name of their row."""
    return {
        "data": {"latent": known(lambda: f"{spec.latent.size:d}, {known(lambda: _drawn(spec))}")},
        "objective": {
            "loss": known(lambda: _loss(spec.objective)),
            "penalty": known(lambda: _penalty(spec.objective)),
        },
        "training": {
            "steps D : G": known(lambda: _steps(spec.train)),
            "rules": known(lambda: rules(spec.train, _rules(spec.train), ELSEWHERE)),
        },
    }


def _drawn(spec: GanFields) -> str:
    latent = spec.latent
    return "N(0, 1)" if latent.distribution == "normal" else f"U[{plain(latent.range)}]"


def _steps(train: Train) -> str:
    return f"{train.steps.discriminator} : {train.steps.generator}"


def _loss(objective: Objective) -> str:
    """Return the loss in words, with its factor and the auxiliary loss."""
    words = known(lambda: said(objective.loss))
    scale = shown("scale", lambda: _scale(objective))
    words += f", {scale}" if scale else ""
    auxiliary = shown("auxiliary", lambda: _auxiliary(objective.auxiliary))
    return words + (f" + {auxiliary}" if auxiliary else "")


def _scale(objective: Objective) -> str:
    return f"D x {plain(objective.scale)}" if objective.scale != 1 else ""


def _auxiliary(auxiliary: AuxiliaryLoss | None) -> str:
    if auxiliary is None or not (auxiliary.discriminator or auxiliary.generator):
        return ""
    own = auxiliary.changed()
    notes = [
        f"{n[0].upper()} x {plain(own[n])}" for n in ("discriminator", "generator") if n in own
    ]
    notes += ["real images"] if "images" in own else []
    return f"auxiliary ({', '.join(notes)})" if notes else "auxiliary"


def _penalty(objective: Objective) -> str:
    """Return in words the penalty, the clipping of weights and the L2 terms; "" for none."""
    words = [known(lambda: said(objective.penalty) if objective.penalty else "")]
    words += [shown("clip", lambda: f"clip {plain(objective.clip)}" if objective.clip else "")]
    words += [shown("L2", lambda: _l2(objective.l2))]
    return ", ".join(filter(None, words))


def _l2(decay: Decay) -> str:
    return ", ".join(f"L2 {n[0].upper()} {plain(v)}" for n, v in decay.changed().items())


def _rules(train: Train) -> dict[str, Callable[[], str]]:
    """Return functions that put fields of a GAN's `train` in words, by field."""
    return {
        "batches": lambda: "D steps share a batch",
        "labels": lambda: "random labels",
        "latents": lambda: "latents reused",
        "skip": lambda: _skips(train),
        "generated": lambda: "generated images reused",
        "order": lambda: _order(train),
        "warmup": lambda: _warmup(train.warmup),
    }


def _skips(train: Train) -> str:
    rules = train.skip.changed().items()
    return ", ".join(f"no {name[0].upper()} step if {rule}" for name, rule in rules)


def _warmup(warmup: Warmup | None) -> str:
    if warmup is None:
        return ""
    pixels = " on random pixels" if warmup.images == "pixels" else ""
    return f"D warmed up for {plain(warmup.iterations)}{pixels}"


def _order(train: Train) -> str:
    """Return the order of an iteration's updates, such as `updates D on real, D on fake, G`."""
    short = {"discriminator": "D", "generator": "G", "real": "D on real", "fake": "D on fake"}
    own = {name: f"{name} ({in_words(update)})" for name, update in train.updates.items()}
    words = [short.get(name) or own[name] for name in train.order]
    return f"updates {', '.join(words)}"


def in_words(update: OwnUpdate) -> str:
    """Return an entry of `updates` in words, such as `G and D by auxiliary loss, Adam 2e-4`."""
    networks = " and ".join(network[0].upper() for network in update.networks)
    return f"{networks} by {' and '.join(update.terms)} loss, {said(update.optimizer)}"
