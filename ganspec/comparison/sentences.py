"""The first lines of a comparison: the main differences in words, written by rules.

Networks come first, then sections. The lines repeat parts of the table below them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import TypeAlias

from ganspec.comparison.edits import (
    CLAIMS,
    Change,
    Edit,
    Keep,
    NetworkDiff,
    SectionDiff,
    Update,
)
from ganspec.comparison.phrases import MANY, article, number, of_networks
from ganspec.kinds.optimizer import Optimizer
from ganspec.language.errors import conjunction
from ganspec.language.unread import NOT_READ, known, sealed
from ganspec.systems.gan.spec import Gan
from ganspec.systems.gan.train import Steps
from ganspec.systems.spec import Label, Spec
from ganspec.systems.terms import term
from ganspec.systems.unread import unread
from ganspec.systems.wording import spoken

# titles of fields whose names are unclear outside their section
TITLES = {
    "objective auxiliary": "weights of the auxiliary loss",
    "objective clip": "weight clipping",
    "objective scale": "factor of the discriminator's loss",
    "train iterations": "iterations of an epoch",
    "train labels": "labels of generated images",
    "train skip discriminator": "discriminator skipped where",
    "train skip generator": "generator skipped where",
    "train order": "order of updates",
}


def answer(
    a: Spec,
    b: Spec,
    networks: tuple[NetworkDiff, ...],
    sections: tuple[SectionDiff, ...],
    gaps: tuple[str, ...],
    only: Sequence[str],
) -> tuple[str, ...]:
    """Return the main differences, one per line, such as `the discriminator drops the tanh`.

    If nothing differs, a line says so. `gaps` are lines that say what is unknown; they come last.
    `only` are the parts that the user chose to compare, all if empty.
    """
    has_claims = any(section.is_claims for section in sections)
    read = (_without(s, [c for c in s.changes if c.is_gap]) for s in sections if not s.is_claims)
    sections = tuple(section for section in read if section.changes)
    incomplete = [network.name for network in networks if _has_gaps(network, a, b)]
    networks = tuple(map(_without_gaps, networks))
    if all(network.is_equal for network in networks) and not sections:
        other_claims = ["other claimed scores"] if has_claims else []
        return (*_sameness(gaps, only, has_claims), *other_claims, *gaps)
    lines = []
    if type(a) is not type(b):
        lines.append(f"{article(a.noun)} against {article(b.noun)}")
    # different kinds of system have different networks, listed only if the user asks for them
    lines += of_networks(networks, incomplete) if only or not lines else []
    for section in sections:
        lines += RULES.get(section.name, _listed)(section, a, b)
    return (*lines, *_frameworks(networks, sections), *gaps)


def _has_gaps(network: NetworkDiff, a: Spec, b: Spec) -> bool:
    """Return True if a part of the network is unknown in a spec, or depends on unknown labels."""
    parts = [part for spec in (a, b) for part in unread(spec, network.name)]
    return bool(parts) or any(change.is_gap for change in network.totals)


def _without_gaps(network: NetworkDiff) -> NetworkDiff:
    """Return a network's difference without the changes of unknown values."""
    edits: list[Edit] = []
    for edit in network.edits:
        if isinstance(edit, Update):
            changes = tuple(change for change in edit.changes if not change.is_gap)
            edits.append(replace(edit, changes=changes) if changes else Keep(edit.a, edit.b))
        else:
            edits.append(edit)
    settings = tuple(change for change in network.settings if not change.is_gap)
    return replace(network, edits=tuple(edits), settings=settings)


def _sameness(gaps: Sequence[str], only: Sequence[str], has_claims: bool) -> list[str]:
    """Return a line that says what is the same; [] if only claims are compared, and they differ."""
    if gaps:
        return ["no difference in what was read"]
    if not only:
        return ["the same networks and the same training"]
    if parts := [name for name in only if name != CLAIMS]:
        return [f"same {conjunction(parts)}"]
    return [] if has_claims else ["same claims"]


def _frameworks(
    networks: tuple[NetworkDiff, ...], sections: tuple[SectionDiff, ...]
) -> Iterator[str]:
    """Yield lines such as `two differences come from keras's own defaults`."""
    changes = [c for network in networks for edit in network.edits for c in edit.changes]
    changes += [c for network in networks for c in network.settings]
    changes += [c for section in sections for c in section.changes]
    for name, count in Counter(c.because for c in changes if c.because).items():
        more = f"{number(count)} differences come" if count > 1 else "one difference comes"
        owners = conjunction([f"{each}'s" for each in name.split(", ")])
        yield f"{more} from {owners} own defaults"


# -- sections ---------------------------------------------------------------------------------


def _listed(section: SectionDiff, a: Spec, b: Spec) -> list[str]:
    """Return a line for each change of a section that is not by framework defaults.

    Of more than MANY, some are only counted. If A and B are different systems, such as a GAN and a
    VAE, only properties that both have are listed.
    """
    changes = _authored(section)
    if type(a) is not type(b):  # a field that only one system has does not count as a difference
        changes = [change for change in changes if change.before and change.after]
    heads = changes if len(changes) <= MANY else changes[: MANY - 2]
    lines = [_line(_title(section.name, c.name), c.before, c.after) for c in heads]
    more = len(changes) - len(heads)
    return [*lines, f"{number(more)} more changes of {section.name}"] if more else lines


def _authored(section: SectionDiff) -> list[Change]:
    """Return the changes that do not come from framework defaults."""
    return [change for change in section.changes if change.because is None]


def _without(section: SectionDiff, changes: Sequence[Change]) -> SectionDiff:
    return replace(section, changes=tuple(c for c in section.changes if c not in changes))


def _line(name: str, before: str | None, after: str | None) -> str:
    return f"{name} {before or 'none'} -> {after or 'none'}"


def _title(section: str, name: str) -> str:
    usual = name if section in ("train", "objective") else f"{section} {name}"
    return TITLES.get(f"{section} {name}", usual)


def _data(section: SectionDiff, a: Spec, b: Spec) -> list[str]:
    changes, lines = {change.name: change for change in _authored(section)}, []
    dataset, images, bounds = (changes.get(name) for name in ("dataset", "images", "range"))
    if dataset and images:
        after = f"{dataset.after} {images.after}"
        lines.append(f"data {dataset.before} {images.before} -> {after}")
    elif dataset:
        lines.append(f"data {dataset.before} -> {dataset.after}")
    if bounds:
        lines.append(f"images in [{bounds.before}] -> [{bounds.after}]")
    shown = [change for change in (dataset, images if dataset else None, bounds) if change]
    return [*lines, *_listed(_without(section, shown), a, b)]


def _latent(section: SectionDiff, a: Spec, b: Spec) -> list[str]:
    """Return one line for the latents if their range differs, then lines for other changes.

    There is no such line if a distribution is unknown.
    """
    changes = {change.name: change for change in section.changes}
    distribution, bounds = changes.get("distribution"), changes.get("range")
    if type(a) is not type(b) or not bounds:
        return _listed(section, a, b)
    shown = [change for change in (distribution, bounds) if change]
    before, after = (
        f"uniform in [{uniform}]" if uniform else other
        for uniform, other in (
            (bounds.before, distribution.before if distribution else None),
            (bounds.after, distribution.after if distribution else None),
        )
    )
    lines = [_line("latents", before, after)] if before and after else []
    return [*lines, *_listed(_without(section, shown), a, b)]


def _labels(section: SectionDiff, a: Spec, b: Spec) -> list[str]:
    """Return a line if number or kind of labels differ; networks' lines say how they are read."""
    before, after = _label(a.labelled), _label(b.labelled)
    return [] if before == after else [_line("labels", before, after)]


def _label(label: Label | None) -> str | None:
    if label is None:
        return None
    return f"{label.size:d} classes" + (", several at once" if label.kind == "multi_hot" else "")


def _objective(section: SectionDiff, a: Spec, b: Spec) -> list[str]:
    """Return a line for loss and penalty if a kind differs, then lines for other changes.

    There is no such line if a part of it is unknown.
    """
    before, after = (known(partial(_losses, sealed(spec))) for spec in (a, b))
    is_swapped = any(change.name in ("loss", "penalty") for change in section.changes)
    if not is_swapped or before == after or NOT_READ in (before, after):
        return _listed(section, a, b)
    shown = [c for c in section.changes if c.name.split()[0] in ("loss", "penalty")]
    return [f"loss {before} -> {after}", *_listed(_without(section, shown), a, b)]


def _losses(spec: Spec) -> str:
    objective = getattr(spec, "objective", None)
    if objective is None:
        return "none"
    penalty = getattr(objective, "penalty", None)
    added = f" + {penalty.kind} penalty {spoken(penalty.penalty_weight)}" if penalty else ""
    return f"{objective.loss.kind}{added}"


def _optimizers(section: SectionDiff, a: Spec, b: Spec) -> list[str]:
    """Return `generator's Adam 2e-4/0.5/0.999 -> ...` where it differs, then other changes.

    If the line is the same for all networks that both specs have, it comes once, without a network.
    If a part of a line is unknown, each change has its own line.
    """
    shared = [network for network in a.networks if network in b.networks]
    if not shared or not _authored(section):
        return []
    lines = {}
    for network in shared:
        optimizers = (sealed(spec.optimizer_of(network)) for spec in (a, b))
        before, after = (known(partial(_optimizer, optimizer)) for optimizer in optimizers)
        if NOT_READ in (before, after):
            return _listed(section, a, b)
        if before != after:
            name = before.split()[0]
            lines[network] = f"{before} -> {after.removeprefix(f'{name} ')}"
    heads = [f"{network}'s {line}" for network, line in lines.items()]
    if len(shared) > 1 and len(set(lines.values())) == 1 and len(lines) == len(shared):
        heads = [next(iter(lines.values()))]
    last_words = ("lr", "betas", "both", *shared)
    shown = [change for change in section.changes if change.name.split()[-1] in last_words]
    return [*heads, *_listed(_without(section, shown), a, b)]


def _optimizer(optimizer: Optimizer) -> str:
    numbers = [optimizer.lr, *getattr(optimizer, "betas", ())]
    return f"{term(optimizer.kind)} {'/'.join(map(spoken, numbers))}"


def _train(section: SectionDiff, a: Spec, b: Spec) -> list[str]:
    """Return a line for the numbers of updates if they differ, then lines for other changes.

    The first, such as `updates of critic and generator 1:1 -> 5:1`, is for two GANs whose numbers
    of updates are known.
    """
    steps = [change for change in section.changes if change.name.startswith("steps ")]
    lines = []
    if steps and isinstance(a, Gan) and isinstance(b, Gan):
        before, after = (known(partial(_updates, sealed(spec.train.steps))) for spec in (a, b))
        if NOT_READ in (before, after):
            return _listed(section, a, b)
        lines.append(f"updates of {b.objective.loss.judge} and generator {before} -> {after}")
    return [*lines, *_listed(_without(section, steps), a, b)]


def _updates(steps: Steps) -> str:
    return f"{steps.discriminator}:{steps.generator}"


Rule: TypeAlias = Callable[[SectionDiff, Spec, Spec], list[str]]
RULES: dict[str, Rule] = {
    "data": _data,
    "labels": _labels,
    "latent": _latent,
    "objective": _objective,
    "optimizers": _optimizers,
    "train": _train,
}
