"""What differs beside the networks: data, latent, labels, objective, optimizers, training, claims.

The sections are the fields of the specs' own models, so that a new one is compared as soon as it
is there. What makes no difference to a program is left out before.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from dataclasses import dataclass, replace

from pydantic import BaseModel

from ganspec.comparison.authored import Both
from ganspec.comparison.edits import Change, Section
from ganspec.kinds.dataset import Dataset
from ganspec.language.kinds import Kind
from ganspec.scores.text import relation
from ganspec.systems.claims import Score
from ganspec.systems.spec import Spec
from ganspec.systems.wording import label, spoken

NOT_COMPARED = {"name", "doc", "framework", "report", "vars", "tree"}
CLAIMS = "claims"
TITLES = {"condition": "labels", "label": "labels", "optimizer": "optimizers"}


@dataclass(frozen=True)
class Fields:
    """A section or kind with those of its fields that count."""

    owner: BaseModel | None  # None for an optimizer that all networks share
    values: dict[str, object]


def sections(a: Spec, b: Spec, both: Both) -> tuple[Section, ...]:
    """Every section in which two specs differ, claims last."""
    found: dict[str, tuple[Change, ...]] = {}
    for name in dict.fromkeys([*compared(a), *compared(b)]):
        title, views = TITLES.get(name, name), (viewed(a, name), viewed(b, name))
        if name == "data" and not all("resize" in view.values for view in views):
            for view in views:  # images that come as they are have no other way of resizing
                view.values.pop("resize", None)
        changes = list(differing((), *views, both, (name,)))
        found[title] = (*found.get(title, ()), *joined(changes, a.networks))
    found[CLAIMS] = tuple(claims(a.report.scores, b.report.scores))
    return tuple(Section(name, changes) for name, changes in found.items() if changes)


def compared(spec: Spec) -> list[str]:
    """The fields of a spec that say more than names, beside its networks."""
    skipped = {*NOT_COMPARED, *type(spec).networks}
    return [name for name in type(spec).model_fields if name not in skipped]


def titles_of(spec: Spec) -> list[str]:
    """What the sections of a spec are called in all systems alike."""
    return [TITLES.get(name, name) for name in compared(spec)]


# -- what of a section counts -----------------------------------------------------------------


def viewed(spec: Spec, name: str) -> Fields | None:
    """A section without what makes no difference to the program; an optimizer alone by name."""
    value = getattr(spec, name, None)
    if value is None:
        return None
    if isinstance(value, Kind):
        return Fields(None, dict.fromkeys(spec.networks, value))
    values = parts(value)
    if name == "data":
        values = _data(spec, values)
    values.pop("keep", None)  # what is put aside changes nothing
    return Fields(value, spec.compared(name, values))


def parts(section: BaseModel) -> dict[str, object]:
    """The fields of a section or kind by name."""
    return {name: getattr(section, name) for name in type(section).model_fields}


def _data(spec: Spec, values: dict[str, object]) -> dict[str, object]:
    """The images' shape, however it is said, and how they get it where anything is resized."""
    dataset, shape = spec.data.dataset, spec.data.shape
    del values["size"], values["channels"]
    own_size = dataset.size is not Dataset.size and tuple(dataset.size) == shape[1:]
    if own_size or "resize" not in inspect.signature(dataset.load).parameters:
        del values["resize"]
    return {"dataset": values.pop("dataset"), "images": " x ".join(map(str, shape)), **values}


# -- what of it differs -----------------------------------------------------------------------


def differing(
    name: tuple[str, ...],
    a: object,
    b: object,
    both: Both,
    path: tuple[str, ...],
    owners: tuple | None = None,
) -> Iterator[Change]:
    """The changes from `a` to `b`: sections, kinds or values, fields of `owners`."""
    ours, theirs = opened(a), opened(b)
    if not name or _alike(ours, theirs):
        one, other = (fields.values if fields else {} for fields in (ours, theirs))
        owned = (ours.owner, theirs.owner) if ours and theirs else None
        for field in {**one, **other}:
            inner = (one.get(field), other.get(field))
            yield from differing((*name, field), *inner, both, path, owned)
        return
    before, after = both.texts(a, b)
    if before != after:
        alike = owners and owners[0] is not None and type(owners[0]) is type(owners[1])
        why = both.frameworks(name[-1], *owners, path) if alike else ()
        yield Change(" ".join(map(label, name)), before, after, why)


def opened(value: object) -> Fields | None:
    """A section or kind as its fields; None for a plain value."""
    if isinstance(value, BaseModel):
        return Fields(value, parts(value))
    return value if isinstance(value, Fields) else None


def _alike(a: Fields | None, b: Fields | None) -> bool:
    """Whether two sections, or two of one kind, are to be compared field by field."""
    return a is not None and b is not None and type(a.owner) is type(b.owner)


def joined(changes: list[Change], networks: tuple[str, ...]) -> list[Change]:
    """Return the changes with those that are the same for two networks as one of both."""
    if len(networks) != 2:
        return changes
    heads = [change.name.partition(" ") for change in changes]
    pairs = list(zip(heads, changes, strict=True))
    bodies = {
        network: [(h[2], c.before, c.after) for h, c in pairs if h[0] == network]
        for network in networks
    }
    first, second = bodies.values()
    if not first or first != second:
        return changes
    rest = [c for c in changes if c.name.partition(" ")[0] not in networks]
    first = [c for c in changes if c.name.startswith(networks[0])]
    return [replace(c, name=c.name.partition(" ")[2] or "both") for c in first] + rest


# -- claims -----------------------------------------------------------------------------------


def claims(a: tuple[Score, ...], b: tuple[Score, ...]) -> Iterator[Change]:
    """Claimed scores that differ, like with like as far as there is like."""
    a, b = [score for score in a if score not in b], [score for score in b if score not in a]
    pairs = []
    for like in (_measured, _metric):
        for score in list(a):
            other = next((s for s in b if like(s) == like(score)), None)
            if other is not None:
                pairs.append((score, other))
                a.remove(score)
                b.remove(other)
    for before, after in [*pairs, *((s, None) for s in a), *((None, s) for s in b)]:
        yield Change(_metric(before or after), _score(before), _score(after))


def _metric(score: Score) -> str:
    words = label(score.metric)
    words += " of real images" if score.of == "real" else ""
    return f"{words} at epoch {score.epoch}" if score.epoch else words


def _measured(score: Score) -> tuple:
    return _metric(score), score.images, score.note


def _score(score: Score | None) -> str | None:
    if score is None:
        return None
    value = relation(score) + spoken(score.value)
    value += f" \u00b1 {spoken(score.deviation)}" if score.deviation else ""
    details = [f"{score.images:,} images"] if score.images else []
    details += [score.note] if score.note else []
    return f"{value} ({'; '.join(details)})" if details else value
