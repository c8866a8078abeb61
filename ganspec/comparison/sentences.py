"""The first lines of a comparison: what a reader wants to know, written by rules from the edits.

First the networks, then what they are trained for and how. Nothing is said here that the table
does not hold; what a rule would only list stays in the table.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from ganspec.comparison.edits import Change, NetworkDiff, Section
from ganspec.comparison.phrases import MANY, article, number, of_networks
from ganspec.language.errors import conjunction
from ganspec.language.kinds import Kind
from ganspec.systems.spec import Spec
from ganspec.systems.terms import term
from ganspec.systems.wording import spoken

# What a field is about, where its name alone says too little outside its section.
ABOUT = {
    "objective auxiliary": "auxiliary loss",
    "objective clip": "weight clipping",
    "objective scale": "factor of the discriminator's loss",
    "train labels": "labels of generated images",
    "train skip discriminator": "discriminator skipped where",
    "train skip generator": "generator skipped where",
    "train updates": "updates on real and generated images",
}


def answer(
    a: Spec,
    b: Spec,
    networks: tuple[NetworkDiff, ...],
    sections: tuple[Section, ...],
    only: Sequence[str] = (),
) -> tuple[str, ...]:
    """One finding each: `same generator`, `the discriminator drops the sigmoid`."""
    found = {section.name: section.changes for section in sections}
    claims = found.pop("claims", ())
    if all(network.is_equal for network in networks) and not found:
        parts = [name for name in only if name != "claims"]
        same = [f"same {conjunction(parts)}"] if parts else []
        same = same if only else ["the same networks and the same training"]
        return (*same, "other claimed scores") if claims else tuple(same or ["same claims"])
    lines = list(_systems(a, b))
    # two systems share no network, and to be told so of each says nothing unless asked for
    lines += of_networks(networks) if only or not lines else []
    for name, changes in found.items():
        rule = RULES.get(name, _listed)
        lines += rule(name, changes, a, b)
    lines += _frameworks(networks, found)
    return tuple(lines)


def _systems(a: Spec, b: Spec) -> Iterator[str]:
    if type(a) is not type(b):
        words = [spec.noun for spec in (a, b)]
        yield f"{article(words[0])} against {article(words[1])}"


def _frameworks(networks: tuple[NetworkDiff, ...], sections: dict) -> Iterator[str]:
    """How much differs only because a framework settles it so."""
    changes = [c for n in networks for edit in n.edits for c in edit.changes]
    changes += [c for n in networks for c in n.settings]
    changes += [c for section in sections.values() for c in section]
    for name, count in Counter(c.because for c in changes if c.because).items():
        more = f"{number(count)} differences come" if count > 1 else "one difference comes"
        owners = conjunction([f"{each}'s" for each in name.split(", ")])
        yield f"{more} from {owners} own defaults"


# -- sections ---------------------------------------------------------------------------------


def _listed(name: str, changes: Iterable[Change], a: Spec, b: Spec) -> list[str]:
    """The changes of a section; what is past the first few is counted."""
    told = [change for change in changes if change.because is None]
    if type(a) is not type(b):  # what only a GAN has is no finding
        told = [change for change in told if change.before and change.after]
    heads = told if len(told) <= MANY else told[: MANY - 2]
    lines = [_line(_about(name, c.name), c.before, c.after) for c in heads]
    more = len(told) - len(heads)
    return [*lines, f"{number(more)} more changes of {name}"] if more else lines


def _line(name: str, before: str | None, after: str | None) -> str:
    return f"{name} {before or 'none'} -> {after or 'none'}"


def _about(section: str, name: str) -> str:
    known = ABOUT.get(f"{section} {name}")
    return known or (name if section in ("train", "objective") else f"{section} {name}")


def _data(name: str, changes: Iterable[Change], a: Spec, b: Spec) -> list[str]:
    parts = {change.name: change for change in changes if change.because is None}
    lines = []
    if (dataset := parts.pop("dataset", None)) and (images := parts.pop("images", None)):
        after = f"{dataset.after} {images.after}"
        lines.append(f"data {dataset.before} {images.before} -> {after}")
    elif dataset:
        lines.append(f"data {dataset.before} -> {dataset.after}")
    if bounds := parts.pop("range", None):
        lines.append(f"images in [{bounds.before}] -> [{bounds.after}]")
    return [*lines, *_listed(name, parts.values(), a, b)]


def _latent(name: str, changes: Iterable[Change], a: Spec, b: Spec) -> list[str]:
    """What latents are drawn from, in a few words."""
    drawn = [c for c in changes if c.name in ("distribution", "range") and c.because is None]
    if not drawn or type(a) is not type(b):
        return _listed(name, changes, a, b)
    rest = [change for change in changes if change not in drawn]
    ways = [_distribution(spec.latent) for spec in (a, b)]
    return [_line("latents", *ways), *_listed(name, rest, a, b)]


def _distribution(latent) -> str:
    is_uniform = latent.distribution == "uniform"
    return f"uniform in [{spoken(latent.range)}]" if is_uniform else latent.distribution


def _labels_section(name: str, changes: Iterable[Change], a: Spec, b: Spec) -> list[str]:
    """What the images are labelled with; which network reads it is said of the network."""
    ways = [_label(spec.labelled) for spec in (a, b)]
    if ways[0] == ways[1]:
        return []
    return [_line("labels", *ways)]


def _label(label) -> str | None:
    if label is None:
        return None
    return f"{label.size:d} classes" + (", several at once" if label.kind == "multi_hot" else "")


def _objective(name: str, changes: Iterable[Change], a: Spec, b: Spec) -> list[str]:
    """Loss and penalty in one breath, then the rest."""
    rest = [c for c in changes if c.name.split()[0] not in ("loss", "penalty")]
    swapped = {c.name for c in changes} & {"loss", "penalty"}
    if not swapped:
        return _listed(name, changes, a, b)
    losses = [_losses(spec) for spec in (a, b)]
    if losses[0] == losses[1]:
        return _listed(name, changes, a, b)
    return [f"loss {losses[0]} -> {losses[1]}", *_listed(name, rest, a, b)]


def _losses(spec: Spec) -> str:
    objective = getattr(spec, "objective", None)
    if objective is None:
        return "none"
    penalty = getattr(objective, "penalty", None)
    added = f" + {_penalty(penalty)}" if penalty else ""
    return objective.loss.kind + added


def _penalty(penalty: Kind) -> str:
    return f"{penalty.kind} penalty {spoken(penalty.penalty_weight)}"


def _optimizers(name: str, changes: Iterable[Change], a: Spec, b: Spec) -> list[str]:
    """`Adam 2e-4/0.5/0.999`, for both networks at once where both have the same."""
    told = [change for change in changes if change.because is None]
    if not told:
        return []
    before, after = (_by_network(spec) for spec in (a, b))
    shared = [network for network in before if network in after]
    pairs = {n: (_optimizer(before[n]), _optimizer(after[n])) for n in shared}
    lines = {n: _between(x, y) for n, (x, y) in pairs.items() if x != y}
    if len(shared) > 1 and len(set(lines.values())) == 1 and len(lines) == len(shared):
        return [next(iter(lines.values()))]
    if not shared:
        return []
    known = ("lr", "betas", "both", *shared)
    rest = [c for c in told if c.name.split()[-1] not in known]
    return [*(f"{n}'s {line}" for n, line in lines.items()), *_listed(name, rest, a, b)]


def _between(before: str, after: str) -> str:
    name = before.split()[0]
    return f"{before} -> {after.removeprefix(f'{name} ')}"


def _by_network(spec: Spec) -> dict[str, Kind]:
    return {network: spec.optimizer_of(network) for network in spec.networks}


def _optimizer(kind: Kind) -> str:
    numbers = [kind.lr, *getattr(kind, "betas", ())]
    return f"{term(kind.kind)} {'/'.join(map(spoken, numbers))}"


def _train(name: str, changes: Iterable[Change], a: Spec, b: Spec) -> list[str]:
    """Updates a round first, as `critic 1:1 -> 5:1`."""
    rest = [change for change in changes if not change.name.startswith("steps ")]
    lines = []
    if len(rest) < len(list(changes)) and type(a) is type(b):
        who = "critic" if b.objective.loss.kind == "wasserstein" else "discriminator"
        steps = [f"{s.train.steps.discriminator}:{s.train.steps.generator}" for s in (a, b)]
        lines.append(f"{who} {steps[0]} -> {steps[1]}")
    return [*lines, *_listed("train", rest, a, b)]


RULES = {
    "data": _data,
    "labels": _labels_section,
    "latent": _latent,
    "objective": _objective,
    "optimizers": _optimizers,
    "train": _train,
}
