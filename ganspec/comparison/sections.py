"""Comparison of all sections but the networks: data, labels, objective, training, claims.

The sections are the fields of the `Spec` classes, so a new field is compared without changes here.
Fields that affect neither networks nor training are left out.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

from ganspec.comparison.authored import AuthoredPair
from ganspec.comparison.edits import CLAIMS, Change, SectionDiff
from ganspec.kinds.dataset import Dataset
from ganspec.language.kinds import Kind
from ganspec.language.section import Section
from ganspec.language.unread import NOT_READ, known, sealed
from ganspec.scores.text import claim_conditions, relation
from ganspec.systems.claims import Score
from ganspec.systems.spec import Spec
from ganspec.systems.wording import label, spoken

# fields that change no network and no training, or whose effects are compared elsewhere
NOT_COMPARED = {"name", "doc", "framework", "report", "vars", "tree", "evaluate"}
TITLES = {"condition": "labels", "label": "labels", "optimizer": "optimizers"}


@dataclass(frozen=True)
class ComparedFields:
    """The fields to compare of a section or kind, `owner`; `values` has them by name.

    `owner` is None for an optimizer that all networks share; then `values` has it by network.
    """

    owner: Section | None
    values: dict[str, object]


def sections(a: Spec, b: Spec, texts: AuthoredPair) -> tuple[SectionDiff, ...]:
    """Return the changes of every section that differs between two specs, claims last."""
    found: dict[str, tuple[Change, ...]] = {}
    for name in dict.fromkeys([*_compared(a), *_compared(b)]):
        title, views = TITLES.get(name, name), (_view(a, name), _view(b, name))
        if name == "data" and not all(view and "resize" in view.values for view in views):
            # ways to resize are compared only if both specs resize images
            for view in filter(None, views):
                view.values.pop("resize", None)
        if name in (*a.unread, *b.unread):
            changes = [Change(label(name), _gap(a, name), _gap(b, name))]
        else:
            changes = list(_changes(texts, *views, (name,)))
        found[title] = (*found.get(title, ()), *_joined(changes, a.networks))
    found[CLAIMS] = tuple(_claims(a.report.scores, b.report.scores))
    return tuple(SectionDiff(name, changes) for name, changes in found.items() if changes)


def titles_of(spec: Spec) -> list[str]:
    """Return the titles under which a spec's sections are compared, such as `labels`."""
    return [TITLES.get(name, name) for name in _compared(spec)]


def _compared(spec: Spec) -> list[str]:
    """Return the names of a spec's fields to compare as sections, without its networks."""
    skipped = {*NOT_COMPARED, *type(spec).networks}
    return [name for name in type(spec).model_fields if name not in skipped]


# -- fields that count ------------------------------------------------------------------------


def _view(spec: Spec, name: str) -> ComparedFields | None:
    """Return the fields of a section that affect networks or training; None if it is absent."""
    section = getattr(spec, name, None)
    if section is None:
        return None
    if isinstance(section, Kind):  # one optimizer, compared as if each network had its own
        return ComparedFields(None, dict.fromkeys(spec.networks, section))
    values = dict(section)
    if name == "data":
        values = _data(spec, values)
    if name == "train":
        values = {n: value for n, value in values.items() if n not in spec.train.neutral}
    return ComparedFields(section, spec.compared(name, values))


def _gap(spec: Spec, name: str) -> str | None:
    """Return a section in a few words; NOT_READ if all of it is unknown, None if absent."""
    if name in spec.unread:
        return NOT_READ
    section = getattr(spec, name, None)
    if section is None:
        return None
    if isinstance(section, Kind):
        return spoken(section)
    return ", ".join(f"{label(n)} {spoken(v)}" for n, v in section.changed().items()) or "defaults"


def _data(spec: Spec, values: dict[str, object]) -> dict[str, object]:
    """Return `values` of the section `data` with the images' shape in place of size and channels.

    `resize` is left out if the data set's images are not resized.
    """
    dataset, shape, data = spec.data.dataset, spec.data.shape, sealed(spec.data)
    images = known(lambda: " x ".join(map(str, data.shape)))
    del values["size"], values["channels"]
    own_size = dataset.size is not Dataset.size and tuple(dataset.size) == shape[1:]
    if own_size or "resize" not in inspect.signature(dataset.load).parameters:
        del values["resize"]
    return {"dataset": values.pop("dataset"), "images": images, **values}


# -- changes ----------------------------------------------------------------------------------


def _changes(
    texts: AuthoredPair,
    a: object,
    b: object,
    name: tuple[str, ...],
    owners: tuple[Section, Section] | None = None,
) -> Iterator[Change]:
    """Yield the changes from `a` to `b`.

    Each of the two is a ComparedFields, a section, a kind, a plain value or None. `name` are the
    keys that lead to them, first that of the compared section, which is no part of the changes'
    names. `owners` are the sections or kinds that have them as fields; None unless both specs have
    one.
    """
    ours, theirs = _fields(a), _fields(b)
    section, *keys = name
    is_known = not owners or not any(name[-1] in owner.unread for owner in owners)
    if not keys or (is_known and ours and theirs and type(ours.owner) is type(theirs.owner)):
        before, after = (fields.values if fields else {} for fields in (ours, theirs))
        inner = None
        if ours and theirs and ours.owner and theirs.owner:
            inner = ours.owner, theirs.owner
        for field in {**before, **after}:
            values = before.get(field), after.get(field)
            yield from _changes(texts, *values, (*name, field), inner)
        return
    title, (one, other) = " ".join(map(label, keys)), texts.values(a, b)
    if not is_known and owners:
        one, other = (
            NOT_READ if name[-1] in owner.unread else text
            for owner, text in zip(owners, (one, other), strict=True)
        )
        yield Change(title, one, other)
    elif one != other:
        frameworks: tuple[str, ...] = ()
        if owners and type(owners[0]) is type(owners[1]):
            frameworks = texts.frameworks(name[-1], *owners, (section,))
        yield Change(title, one, other, frameworks)


def _fields(value: object) -> ComparedFields | None:
    """Return the fields of a section or kind, or ComparedFields unchanged; else None."""
    if isinstance(value, Section):
        return ComparedFields(value, dict(value))
    return value if isinstance(value, ComparedFields) else None


def _joined(changes: list[Change], networks: tuple[str, ...]) -> list[Change]:
    """Return the changes; if all changes of two networks are equal, these come once, first.

    A network's change has a name such as `generator lr`; then `lr` stands for both networks, and
    `both` for changes called `generator` and `discriminator`.
    """
    if len(networks) != 2:
        return changes
    own: dict[str, list[Change]] = {name: [] for name in networks}
    rest: list[Change] = []
    for change in changes:
        network, _, name = change.name.partition(" ")
        own.get(network, rest).append(replace(change, name=name) if network in own else change)
    first, second = ([(c.name, c.before, c.after) for c in each] for each in own.values())
    if not first or first != second:
        return changes
    return [replace(c, name=c.name or "both") for c in own[networks[0]]] + rest


# -- claims -----------------------------------------------------------------------------------


def _claims(a: Iterable[Score], b: Iterable[Score]) -> Iterator[Change]:
    """Yield a change for each claimed score that differs.

    A score is compared with one of the same title in the other spec, if possible with one under the
    same conditions. A score without a partner is a change from or to None.
    """
    before, after = [s for s in a if s not in b], [s for s in b if s not in a]
    pairs: list[tuple[Score | None, Score | None]] = []
    similarities: tuple[Callable[[Score], object], ...] = (_conditions, _title)
    for similarity in similarities:
        for score in list(before):
            other = next((s for s in after if similarity(s) == similarity(score)), None)
            if other is not None:
                pairs.append((score, other))
                before.remove(score)
                after.remove(other)
    pairs += [*((score, None) for score in before), *((None, score) for score in after)]
    for one, other in pairs:
        titled = one or other
        assert titled is not None
        yield Change(_title(titled), _score(one), _score(other))


def _title(score: Score) -> str:
    words = label(score.metric)
    words += " of real images" if score.of == "real" else ""
    return f"{words} at epoch {score.epoch}" if score.epoch else words


def _conditions(score: Score) -> tuple[object, ...]:
    return _title(score), *claim_conditions(score)


def _score(score: Score | None) -> str | None:
    if score is None:
        return None
    value = relation(score) + spoken(score.value)
    value += f" \u00b1 {spoken(score.deviation)}" if score.deviation else ""
    details = claim_conditions(score)
    return f"{value} ({'; '.join(details)})" if details else value
