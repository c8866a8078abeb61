"""A GAN in a few words, for tables that compare specs."""

from __future__ import annotations

from ganspec.systems.gan.fields import AuxiliaryLoss, GanFields
from ganspec.systems.gan.train import Train
from ganspec.systems.terms import plain, rules, said

ELSEWHERE = {
    "generator_batch",
    "steps",
    "accuracy",
    "conditions",
}  # in other rows, or no effect on weights


def properties(spec: GanFields) -> dict[str, dict[str, str]]:
    """Return rows that a GAN adds to comparison tables, by section and name."""
    steps, latent = spec.train.steps, spec.latent
    drawn = "N(0, 1)" if latent.distribution == "normal" else f"U[{plain(latent.range)}]"
    return {
        "data": {"latent": f"{latent.size:d}, {drawn}"},
        "objective": {"loss": _loss(spec), "penalty": _penalty(spec)},
        "training": {
            "steps D : G": f"{steps.discriminator} : {steps.generator}",
            "rules": rules(spec.train, _rules(spec.train), ELSEWHERE),
        },
    }


def _loss(spec: GanFields) -> str:
    """Describe the loss, and the terms that both networks share."""
    objective = spec.objective
    words = said(objective.loss)
    if objective.scale != 1:
        words += f", D x {plain(objective.scale)}"
    if objective.auxiliary:
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
    """Describe the terms that keep the discriminator, or both networks, smooth or small."""
    objective = spec.objective
    words = [said(objective.penalty)] if objective.penalty else []
    words += [f"clip {plain(objective.clip)}"] if objective.clip else []
    words += [f"L2 {n[0].upper()} {plain(v)}" for n, v in objective.l2.changed().items()]
    return ", ".join(words)


def _rules(train: Train) -> dict[str, str]:
    """Return descriptions of the fields of `train` that only a GAN has, by field."""
    skips = (f"no {name[0].upper()} step if {rule}" for name, rule in train.skip.changed().items())
    words = {
        "batches": "D steps share a batch",
        "labels": "random labels",
        "latents": "latents reused",
        "skip": ", ".join(skips),
        "updates": "D on real, then on fake",
    }
    if train.warmup:
        pixels = " on random pixels" if train.warmup.images == "pixels" else ""
        words["warmup"] = f"D warmed up for {plain(train.warmup.iterations)}{pixels}"
    return words
