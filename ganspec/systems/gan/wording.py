"""A GAN in a few words, for tables that compare specs."""

from __future__ import annotations

from ganspec.language.unread import NOT_READ
from ganspec.systems.gan.fields import AuxiliaryLoss, GanFields
from ganspec.systems.gan.train import OwnUpdate, Train
from ganspec.systems.terms import plain, rules, said

# fields of `train` that other rows show, or that have no effect on weights
ELSEWHERE = {"generator_batch", "steps", "accuracy", "gradients", "updates", "conditions"}


def properties(spec: GanFields) -> dict[str, dict[str, str]]:
    """Return texts of rows for comparison tables, by the section's and the row's name."""
    steps, latent = spec.train.steps, spec.latent
    drawn = "N(0, 1)" if latent.distribution == "normal" else f"U[{plain(latent.range)}]"
    drawn = NOT_READ if "distribution" in latent.unread else drawn
    return {
        "data": {"latent": NOT_READ if latent.is_unread else f"{latent.size:d}, {drawn}"},
        "objective": {"loss": _loss(spec), "penalty": _penalty(spec)},
        "training": {
            "steps D : G": f"{steps.discriminator} : {steps.generator}",
            "rules": rules(spec.train, _rules(spec.train), ELSEWHERE),
        },
    }


def _loss(spec: GanFields) -> str:
    """Return the loss in words, with the auxiliary loss that both networks share."""
    objective = spec.objective
    words = said(objective.loss)
    if objective.scale != 1:
        words += f", D x {plain(objective.scale)}"
    if objective.auxiliary and (objective.auxiliary.discriminator or objective.auxiliary.generator):
        words += f" + {_auxiliary(objective.auxiliary)}"
    return words


def _auxiliary(auxiliary: AuxiliaryLoss) -> str:
    own = auxiliary.changed()
    notes = [
        f"{n[0].upper()} x {plain(own[n])}" for n in ("discriminator", "generator") if n in own
    ]
    notes += ["real images"] if "images" in own else []
    return f"auxiliary ({', '.join(notes)})" if notes else "auxiliary"


def _penalty(spec: GanFields) -> str:
    """Return in words the penalty, the clipping of weights and the L2 terms; "" for none."""
    objective = spec.objective
    words = [said(objective.penalty)] if objective.penalty else []
    words += [f"clip {plain(objective.clip)}"] if objective.clip else []
    words += [f"L2 {n[0].upper()} {plain(v)}" for n, v in objective.l2.changed().items()]
    return ", ".join(words)


def _rules(train: Train) -> dict[str, str]:
    """Return texts for those fields of `train` that only a GAN has, by field."""
    skips = (f"no {name[0].upper()} step if {rule}" for name, rule in train.skip.changed().items())
    words = {
        "batches": "D steps share a batch",
        "labels": "random labels",
        "latents": "latents reused",
        "skip": ", ".join(skips),
        "generated": "generated images reused",
        "order": _order(train),
    }
    if train.warmup:
        pixels = " on random pixels" if train.warmup.images == "pixels" else ""
        words["warmup"] = f"D warmed up for {plain(train.warmup.iterations)}{pixels}"
    return words


def _order(train: Train) -> str:
    """Return the order of an iteration's updates, as `updates D on real, D on fake, G`."""
    short = {"discriminator": "D", "generator": "G", "real": "D on real", "fake": "D on fake"}
    own = {name: f"{name} ({in_words(update)})" for name, update in train.updates.items()}
    words = [short.get(name) or own[name] for name in train.order]
    return f"updates {', '.join(words)}"


def in_words(update: OwnUpdate) -> str:
    """Return an update under `updates` in words, as `G and D by auxiliary loss, Adam 2e-4`."""
    networks = " and ".join(network[0].upper() for network in update.networks)
    return f"{networks} by {' and '.join(update.terms)} loss, {said(update.optimizer)}"
