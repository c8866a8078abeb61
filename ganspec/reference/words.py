"""The words in which the reference and editors describe sections, kinds and fields."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TypeAlias

from pydantic import BaseModel

from ganspec.kinds.dataset import Dataset
from ganspec.kinds.layer import Layer, Weighted
from ganspec.language.errors import Mark, Text
from ganspec.language.fields import LIMITS, Field, FieldType, field_type, fields_of
from ganspec.language.kinds import Kind, kinds_of
from ganspec.language.opening import HIDDEN, Rounds
from ganspec.language.section import Section
from ganspec.language.tree import MapNode, node_of
from ganspec.language.types import Name
from ganspec.program.spelling import number

FAMILIES = {  # the noun after `kind of`
    "layer": "layer",
    "condition": "condition",
    "loss": "loss",
    "criterion": "criterion",
    "penalty": "penalty",
    "optimizer": "optimizer",
    "initializer": "initial weights",
    "weight_norm": "weight norm",
    "metric": "metric",
    "dataset": "data set",
}
SPEC_KEYS = {  # keys of every spec that are fields of no class, since they are read before
    "blocks": "reusable pieces",
    "extends": "a spec to change",
}
NAME = field_type(Name)
MARK = Mark(Text("", ()), 1, 1, 2)  # a place for values that are in no file
Link: TypeAlias = Callable[[str, str | type[Section]], str]
"""A function that returns a text as a link to the heading of a family or of a section."""


def unlinked(text: str, _: str | type[Section]) -> str:
    """Return `text` alone, for places without links."""
    return text


def cleaned(model: type[Section]) -> str:
    """Return the docstring of a section or kind as Markdown, with each paragraph on one line."""
    paragraphs = inspect.cleandoc(model.__doc__ or "").split("\n\n")
    return "\n\n".join(re.sub(r"\s*\n\s*", " ", p) for p in paragraphs)


def facts(kind: type[Kind]) -> str:
    """Return the facts about a kind that its fields do not show, as a paragraph; "" if none."""
    found = []
    if issubclass(kind, Layer) and kind.expects:
        found.append(f"Reads a {kind.expects}.")
    if issubclass(kind, Layer) and issubclass(kind, Weighted):
        found.append("Has a weight: takes `weight_norm` and `init`.")
    if issubclass(kind, Dataset):
        (height, width), channels = kind.size, kind.channels
        colour = "grey" if channels == 1 else "colour"
        found.append(f"{height} x {width} and {colour}, unless `data` says otherwise.")
    if kind.primary:
        found.append(f"A bare value is `{kind.primary}`.")
    return " ".join(found)


def written_fields(model: type[Section]) -> dict[str, Field]:
    """Return the fields of a section or kind as a spec writes them."""
    if issubclass(model, Kind) and model.kind == "repeat":  # its class has rounds, not `layers`
        layers = field_type(tuple[Layer, ...])
        body = Field("layers", "layers", layers, True, None, "what is repeated")
        return {**fields_of(Rounds), "layers": body}
    return fields_of(model)


def words_of(family: str) -> dict[str, type[Kind]]:
    """Return the kinds of a family that a spec can name, sorted by name."""
    return {word: kind for word, kind in sorted(kinds_of(family).items()) if word not in HIDDEN}


def needs_nothing(kind: type[Kind]) -> bool:
    """Return True if a kind has no required fields, so that its name alone is enough."""
    return not any(field.required for field in written_fields(kind).values())


def kind_text(kind: type[Kind]) -> str:
    """Return the docstring of a kind and its facts, as Markdown."""
    return "\n\n".join(filter(None, (cleaned(kind), facts(kind))))


# -- fields -----------------------------------------------------------------------------------


def field_text(model: type[Section], field: Field) -> str:
    """Return the description of a field, the values that it takes, and its default, as Markdown."""
    rest = f"Takes {takes(field.type)}. Default: {default(model, field)}."
    return "\n\n".join(filter(None, (field.description, rest)))


def short_family(model: type[Section]) -> str | None:
    """Return the family whose kinds may be written in place of a section's map, such as `loss`.

    Return None if there is no such family.
    """
    opened = model.opened(MapNode({"a kind": node_of(None, MARK)}, MARK))
    first = next(iter(opened.value)) if isinstance(opened, MapNode) else None
    return fields_of(model)[first].type.family if first in fields_of(model) else None


def takes(kind: FieldType, link: Link = unlinked) -> str:
    """Return the values that a field takes, in words, with its bounds."""
    if kind.families and kind.family:
        return f"one {link(kind.family, kind.family)}, or a list of several"
    if kind.families:
        return f"a list of {link(f'{kind.families}s', kind.families)}"
    if kind.family:
        return f"one {link(f'kind of {FAMILIES[kind.family]}', kind.family)}"
    if kind.map:
        keys = " or ".join(f"`{word}`" for word in kind.map.keys.words) or "names"
        return f"a map of {keys}, each {_described(kind.map.values, link)}"
    if kind == NAME:
        return "a name"
    return ", ".join([_described(kind, link), *bounds(kind)])


def _described(kind: FieldType, link: Link) -> str:
    if kind.section is None:
        return str(kind)
    linked = f"a {link('map', kind.section)}"
    nouns = tuple(linked if noun == "a map" else noun for noun in kind.nouns)
    return str(replace(kind, nouns=nouns))


def bounds(kind: FieldType) -> Iterator[str]:
    """Yield the bounds of a field that takes one number, in words, except bounds over a million."""
    if len(kind.scalars) != 1 or kind.lists or kind.literals:
        return
    (scalar,) = kind.scalars
    for limit in scalar.limits:
        if limit.bound > 1_000_000:
            continue
        if scalar.python is int and limit.relation == "gt":
            yield f"at least {limit.bound + 1:,}"
        else:
            yield f"{LIMITS[limit.relation]} {limit.bound:,}"


def default(model: type[Section], field: Field) -> str:
    """Return a field's default in words, and other frameworks' defaults if they differ."""
    if field.required:
        return "required"
    value = field.default
    if isinstance(value, BaseModel):
        shown = "the defaults"
    elif value in (None, "", {}, ()):
        shown = "none"
    else:
        shown = f"`{flow(value)}`"
    others: dict[str, list[str]] = {}
    for framework, fields in model.framework_defaults.items():
        if field.name in fields:
            others.setdefault(flow(fields[field.name]), []).append(framework)
    texts = [f"`{value}` under {' and '.join(names)}" for value, names in others.items()]
    return "; ".join([shown, *texts])


def flow(value: object) -> str:
    """Return plain data on one line of YAML, as a person writes it."""
    if isinstance(value, dict):
        return f"{{{', '.join(f'{k}: {flow(v)}' for k, v in value.items())}}}"
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(flow, value))}]"
    if isinstance(value, float):
        return number(value)
    return value if isinstance(value, str) else json.dumps(value)
