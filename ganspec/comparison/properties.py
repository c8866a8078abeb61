"""What a survey says of a spec as a whole: its images, its objective, its training, its claims."""

from __future__ import annotations

from collections.abc import Callable
from typing import get_args

from ganspec.comparison.score_text import short_claim
from ganspec.comparison.terms import FRAMEWORKS, fields, plain, said, settings, term
from ganspec.language.claims import Score
from ganspec.language.schedule import Skip, Warmup
from ganspec.language.section import Section
from ganspec.language.spec import Auxiliary, Spec
from ganspec.language.supervised import Autoencoder, Classifier
from ganspec.language.system import System

# -- data -------------------------------------------------------------------------------------


def system(spec: System) -> str:
    return "GAN" if isinstance(spec, Spec) else type(spec).__name__.lower()


def framework(spec: System) -> str:
    """Whose defaults hold for what the spec leaves out."""
    return FRAMEWORKS[spec.framework]


def data(spec: System) -> str:
    dataset, (channels, height, width) = spec.data.dataset, spec.data.shape
    own = settings(dataset)
    words = [f"{term(dataset.kind)}{f' ({fields(own)})' if own else ''} {height} x {width}"]
    if channels != dataset.channels:
        words.append("grey" if channels == 1 else "colour")
    words += ["mirrored"] if spec.data.flip else []
    return ", ".join(words)


def image_range(spec: System) -> str:
    """What black and white become."""
    return f"[{plain(spec.data.range)}]"


def latent(spec: System) -> str:
    if not isinstance(spec, Spec):
        return ""
    latent = spec.latent
    drawn = "N(0, 1)" if latent.distribution == "normal" else f"U[{plain(latent.range)}]"
    return f"{latent.size:d}, {drawn}"


def labels(spec: System) -> str:
    label = spec.label if isinstance(spec, Classifier) else getattr(spec, "condition", None)
    if label is None:
        return ""
    return f"{plain(label.size)} {'classes' if label.kind == 'classes' else 'multi-hot'}"


# -- objective --------------------------------------------------------------------------------


def loss(spec: System) -> str:
    objective = spec.objective
    words = said(objective.loss)
    if getattr(objective, "scale", 1) != 1:
        words += f", D x {plain(objective.scale)}"
    if auxiliary := getattr(objective, "auxiliary", None):
        words += f" + {_auxiliary(auxiliary)}"
    return words


def _auxiliary(auxiliary: Auxiliary) -> str:
    own = _given(auxiliary)
    notes = [
        f"{n[0].upper()} x {plain(own[n])}" for n in ("discriminator", "generator") if n in own
    ]
    notes += ["real images"] if "images" in own else []
    return f"auxiliary ({', '.join(notes)})" if notes else "auxiliary"


def penalty(spec: System) -> str:
    """What else holds the discriminator, or the networks, back."""
    objective = spec.objective
    if not isinstance(spec, Spec):
        return ""
    words = [said(objective.penalty)] if objective.penalty else []
    words += [f"clip {plain(objective.clip)}"] if objective.clip else []
    words += [f"L2 {n[0].upper()} {plain(v)}" for n, v in _given(objective.l2).items()]
    return ", ".join(words)


def noise(spec: System) -> str:
    """Noise on an autoencoder's input."""
    found = spec.objective.noise if isinstance(spec, Autoencoder) else None
    return "" if found is None else f"{plain(found.std)}{', clipped' if found.clip else ''}"


# -- training ---------------------------------------------------------------------------------


def batch(spec: System) -> str:
    other = getattr(spec.train, "generator_batch", None)
    return plain(spec.train.batch) + (f" (G {plain(other)})" if other else "")


def length(spec: System) -> str:
    train = spec.train
    each = f" of {plain(train.iterations)} iterations" if train.iterations else ""
    return f"{plain(train.epochs)} epochs{each}"


def steps(spec: System) -> str:
    """Updates of the discriminator and of the generator in an iteration."""
    if not isinstance(spec, Spec):
        return ""
    return f"{spec.train.steps.discriminator} : {spec.train.steps.generator}"


def _given(section: Section) -> dict[str, object]:
    """Fields that are not at their defaults."""
    defaults = {name: field.default for name, field in type(section).model_fields.items()}
    return {n: getattr(section, n) for n, usual in defaults.items() if getattr(section, n) != usual}


def _skips(skip: Skip) -> str:
    return ", ".join(f"no {name[0].upper()} step if {rule}" for name, rule in _given(skip).items())


def _warmup(warmup: Warmup) -> str:
    pixels = " on random pixels" if warmup.images == "pixels" else ""
    return f"D warmed up for {plain(warmup.iterations)}{pixels}"


RULES: dict[str, Callable[[object], str]] = {
    "batches": lambda _: "D steps share a batch",
    "labels": lambda _: "random labels",
    "last_batch": lambda _: "last batch kept",
    "latents": lambda _: "latents reused",
    "skip": _skips,
    "updates": lambda _: "D on real, then on fake",
    "warmup": _warmup,
}
ELSEWHERE = {"batch", "epochs", "generator_batch", "iterations", "seed", "steps"}
OF_THE_RUN = {"accuracy", "keep"}  # what is logged and kept, which changes no weight


def rules(spec: System) -> str:
    """What is unusual in the training; a rule without words here appears as it is written."""
    words = []
    for name, value in _given(spec.train).items():
        if name not in ELSEWHERE | OF_THE_RUN:
            words.append(RULES[name](value) if name in RULES else fields({name: value}))
    return ", ".join(words)


# -- claims -----------------------------------------------------------------------------------


def claim(metric: str) -> Callable[[System], str]:
    """What the report claims of generated images, after its last epoch where it has several."""

    def claimed(spec: System) -> str:
        found = [s for s in spec.report.scores if s.metric == metric and s.of == "generated"]
        last = max((s.epoch or 0 for s in found), default=0)
        found = [s for s in found if s.epoch in (None, last)]
        counts = {s.images for s in found}
        text = ", ".join(map(short_claim, found))
        count = f" (n = {counts.pop():,})" if len(counts) == 1 and counts != {None} else ""
        return text + count

    return claimed


METRICS: tuple[str, ...] = get_args(Score.model_fields["metric"].annotation)
PROPERTIES: dict[str, dict[str, Callable[[System], str]]] = {
    "data": {
        "system": system,
        "framework": framework,
        "data": data,
        "range": image_range,
        "labels": labels,
        "latent": latent,
        "input noise": noise,
    },
    "objective": {"loss": loss, "penalty": penalty},
    "training": {"steps D : G": steps, "batch": batch, "length": length, "rules": rules},
    "claims": {f"claimed {term(metric)}": claim(metric) for metric in METRICS},
}
