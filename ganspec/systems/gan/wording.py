"""A GAN in a few words, for tables that compare specs."""

from __future__ import annotations

from collections.abc import Callable

from ganspec.systems.gan.sections import Auxiliary
from ganspec.systems.gan.train import Skip, Warmup
from ganspec.systems.spec import Spec
from ganspec.systems.terms import plain, rules, said


def properties(spec: Spec) -> dict[str, dict[str, str]]:
    """Return a GAN's own properties by the section of a survey that they belong to."""
    return {
        "data": {"latent": latent(spec)},
        "objective": {"loss": loss(spec), "penalty": penalty(spec)},
        "training": {
            "steps D : G": f"{spec.train.steps.discriminator} : {spec.train.steps.generator}",
            "rules": rules(spec.train, RULES, ELSEWHERE),
        },
    }


def latent(spec: Spec) -> str:
    """Return how many numbers are drawn from what."""
    latent = spec.latent
    drawn = "N(0, 1)" if latent.distribution == "normal" else f"U[{plain(latent.range)}]"
    return f"{latent.size:d}, {drawn}"


def loss(spec: Spec) -> str:
    """Return the loss and the terms that both networks share."""
    objective = spec.objective
    words = said(objective.loss)
    if objective.scale != 1:
        words += f", D x {plain(objective.scale)}"
    if objective.auxiliary:
        words += f" + {_auxiliary(objective.auxiliary)}"
    return words


def _auxiliary(auxiliary: Auxiliary) -> str:
    own = auxiliary.changed()
    notes = [
        f"{n[0].upper()} x {plain(own[n])}" for n in ("discriminator", "generator") if n in own
    ]
    notes += ["real images"] if "images" in own else []
    return f"auxiliary ({', '.join(notes)})" if notes else "auxiliary"


def penalty(spec: Spec) -> str:
    """Return what else holds the discriminator, or the networks, back."""
    objective = spec.objective
    words = [said(objective.penalty)] if objective.penalty else []
    words += [f"clip {plain(objective.clip)}"] if objective.clip else []
    words += [f"L2 {n[0].upper()} {plain(v)}" for n, v in objective.l2.changed().items()]
    return ", ".join(words)


def _skips(skip: Skip) -> str:
    return ", ".join(
        f"no {name[0].upper()} step if {rule}" for name, rule in skip.changed().items()
    )


def _warmup(warmup: Warmup) -> str:
    pixels = " on random pixels" if warmup.images == "pixels" else ""
    return f"D warmed up for {plain(warmup.iterations)}{pixels}"


RULES: dict[str, Callable[[object], str]] = {
    "batches": lambda _: "D steps share a batch",
    "labels": lambda _: "random labels",
    "latents": lambda _: "latents reused",
    "skip": _skips,
    "updates": lambda _: "D on real, then on fake",
    "warmup": _warmup,
}
ELSEWHERE = {"generator_batch", "steps", "accuracy"}  # said elsewhere, or changing no weight
