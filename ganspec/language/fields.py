"""Tables of fields, made once for each pydantic model from its annotations.

A table says for each field which YAML it takes, within which limits, and how messages and the
reference describe it. Pydantic then validates the values and keeps them in a frozen model.
"""

from __future__ import annotations

import operator
import types
import typing
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache, cached_property

from pydantic.fields import FieldInfo

from ganspec.language.errors import conjunction
from ganspec.language.section import Section

NOUNS = {int: "a whole number", float: "a number", bool: "true or false", str: "a text"}
LIMITS = {"ge": "at least", "gt": "more than", "le": "at most", "lt": "less than"}


@dataclass(frozen=True)
class Limit:
    """A bound of a number; `relation` is a key of LIMITS and a function of Python's `operator`."""

    relation: str
    bound: int | float

    def admits(self, value: int | float) -> bool:
        """Return True if `value` is within the bound. NaN is within none."""
        return bool(getattr(operator, self.relation)(value, self.bound))

    def __str__(self) -> str:
        shown = f"{self.bound:g}" if isinstance(self.bound, float) else self.bound
        return f"{LIMITS[self.relation]} {shown}"


@dataclass(frozen=True)
class ScalarType:
    """A number within limits, a text of `shortest` to `longest` characters, or a bool.

    If `finite`, infinity and NaN are refused. `pattern` is a regular expression for the texts that
    a validator accepts; only editors use it.
    """

    python: type
    limits: tuple[Limit, ...] = ()
    finite: bool = False
    shortest: int = 0
    longest: int | None = None
    pattern: str | None = None
    checked: bool = False  # a validator of the field may refuse values that this table accepts

    def accepts(self, value: object) -> bool:
        """Return True if `value` has this type. A float type accepts whole numbers."""
        if isinstance(value, bool):
            return self.python is bool
        return isinstance(value, (int, float) if self.python is float else self.python)


@dataclass(frozen=True)
class ListType:
    """A list with one entry of each type in `items`.

    If `endless`, it has `least` or more entries of the type `items[0]`.
    """

    items: tuple[FieldType, ...]
    endless: bool
    least: int = 0

    def item(self, index: int) -> FieldType:
        """Return the type of the entry at `index`; past the last entry, the type of the last."""
        return self.items[0 if self.endless else min(index, len(self.items) - 1)]

    def fits(self, count: int) -> bool:
        """Return True if a list may have `count` entries."""
        return count >= self.least if self.endless else count == len(self.items)

    def __str__(self) -> str:
        scalars = {scalar for item in self.items for scalar in item.pythons}
        noun = "numbers" if {int, float} & scalars else "values"
        noun = "texts" if str in scalars else noun
        return f"a list of {noun}" if self.endless else f"a list of {len(self.items)} {noun}"


@dataclass(frozen=True)
class MapType:
    """A map without fixed fields. If `keys` has literals, a spec chooses its keys among these."""

    keys: FieldType
    values: FieldType


@dataclass(frozen=True)
class Family:
    """Metadata of an annotation: the field takes a kind of the family `name`.

    The family `network` has no kinds. It marks keys of a map that name the spec's networks.
    """

    name: str


@dataclass(frozen=True)
class Matches:
    """Metadata of an annotation: the `pattern` of a ScalarType."""

    pattern: str


@dataclass(frozen=True)
class FieldType:
    """The YAML that a field takes: each attribute that is set allows one form of value.

    The attribute `nouns` does not: it is for messages.
    """

    null: bool = False
    family: str | None = None  # the field is one kind of this family
    families: str | None = None  # the field is a list of kinds of this family
    section: type[Section] | None = None  # the field is a map with the fields of this class
    sections: type[Section] | None = None  # the field is a list of maps with these fields
    map: MapType | None = None
    literals: tuple[object, ...] = ()
    scalars: tuple[ScalarType, ...] = ()
    lists: tuple[ListType, ...] = ()
    nouns: tuple[str, ...] = ()  # what messages call the forms, in the annotation's order

    @cached_property
    def words(self) -> tuple[str, ...]:
        """The literals that are texts, which are not evaluated as expressions."""
        return tuple(value for value in self.literals if isinstance(value, str))

    @cached_property
    def pythons(self) -> frozenset[type]:
        """The Python types of the scalars, and of the literals that are not texts."""
        literals = {type(value) for value in self.literals if not isinstance(value, str)}
        return frozenset({scalar.python for scalar in self.scalars} | literals)

    def scalar(self, value: object) -> ScalarType | None:
        """Return the scalar type that accepts `value`, `int` before `float`; None if none does."""
        fitting = [scalar for scalar in self.scalars if scalar.accepts(value)]
        own = (scalar for scalar in fitting if isinstance(value, scalar.python))
        return next(own, fitting[0] if fitting else None)

    def is_literal(self, value: object) -> bool:
        """Return True if `value` is one of the literals, of the same Python type or a Width."""
        same = (each for each in self.literals if value == each and isinstance(value, type(each)))
        return any(isinstance(value, bool) == isinstance(each, bool) for each in same)

    def list_of(self, count: int) -> ListType:
        """Return the first list type that may have `count` entries, or else the first list type."""
        return next((each for each in self.lists if each.fits(count)), self.lists[0])

    @cached_property
    def is_plain(self) -> bool:
        """True if the field takes no kinds, sections or maps."""
        maps = (self.family, self.families, self.section, self.sections, self.map)
        return all(each is None for each in maps)

    @cached_property
    def takes_only_maps(self) -> bool:
        """True if the field accepts only a section's map, or null."""
        return self.section is not None and self.nouns == ("a map",)

    def __str__(self) -> str:
        nouns = list(self.nouns) or ["something else"]
        if "a number" in nouns:  # whole numbers are numbers
            nouns = [noun for noun in nouns if noun != "a whole number"]
        return conjunction(nouns, "or")


@dataclass(frozen=True)
class Field:
    """One field of a model: `name` is its key in a spec, `attribute` its name in Python."""

    name: str
    attribute: str
    type: FieldType
    required: bool
    default: object
    description: str


@cache
def fields_of(model: type[Section]) -> dict[str, Field]:
    """Return a model's fields, except those that pydantic excludes, by their keys in a spec."""
    known = ((name, info) for name, info in model.model_fields.items() if not info.exclude)
    return {info.alias or name: _field(name, info) for name, info in known}


def _field(attribute: str, info: FieldInfo) -> Field:
    kind = field_type(info.annotation, info.metadata)
    required = info.is_required()
    default = None if required else info.get_default(call_default_factory=True)
    name = info.alias or attribute
    return Field(name, attribute, kind, required, default, info.description or "")


def field_type(annotation: object, metadata: Iterable[object] = ()) -> FieldType:
    """Return the `FieldType` of a pydantic field's annotation and its metadata."""
    options = list(options_of(annotation, tuple(metadata)))
    plain = [option for option, _ in options if isinstance(option, type)]
    models = [option for option in plain if issubclass(option, Section)]
    families = [m.name for _, extra in options for m in extra if isinstance(m, Family)]
    families += [family for model in models if (family := getattr(model, "family", None))]
    lists = [_list_type(option, extra) for option, extra in options if _is(option, tuple)]
    kinds = next((item.family for each in lists if (item := each.item(0)).family), None)
    sections = next((item.section for each in lists if (item := each.item(0)).section), None)
    nouns = [_noun(option, extra) for option, extra in options]
    return FieldType(
        null=type(None) in plain,
        family=families[0] if families else None,
        families=kinds,
        section=models[0] if models and not families else None,
        sections=sections,
        map=next((_map_type(option) for option, _ in options if _is(option, dict)), None),
        literals=tuple(v for o, _ in options if _is(o, typing.Literal) for v in typing.get_args(o)),
        scalars=tuple(_scalar(o, e) for o, e in options if isinstance(o, type) and o in NOUNS),
        lists=tuple(lists),
        nouns=tuple(dict.fromkeys(noun for each in nouns for noun in each)),
    )


def _is(option: object, origin: object) -> bool:
    return typing.get_origin(option) is origin


def options_of(annotation: object, metadata: tuple[object, ...]) -> Iterator[tuple[object, tuple]]:
    """Yield the members of a union, each with the metadata of every `Annotated` around it."""
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        for option in typing.get_args(annotation):
            yield from options_of(option, metadata)
    elif _is(annotation, typing.Annotated):
        inner, *own = typing.get_args(annotation)
        yield from options_of(inner, (*metadata, *own))
    else:
        yield annotation, tuple(m for each in metadata for m in getattr(each, "metadata", [each]))


def _scalar(python: type, metadata: tuple[object, ...]) -> ScalarType:
    limits = [
        Limit(relation, bound)
        for each in metadata
        for relation in LIMITS
        if (bound := getattr(each, relation, None)) is not None
    ]
    return ScalarType(
        python,
        tuple(limits),
        finite=any(getattr(each, "allow_inf_nan", True) is False for each in metadata),
        shortest=_shortest(metadata),
        longest=min(
            (most for m in metadata if (most := getattr(m, "max_length", 0))), default=None
        ),
        pattern=next((each.pattern for each in metadata if isinstance(each, Matches)), None),
        checked=any(hasattr(each, "func") for each in metadata),
    )


def _shortest(metadata: tuple[object, ...]) -> int:
    return max((getattr(each, "min_length", None) or 0 for each in metadata), default=0)


def _list_type(option: object, metadata: tuple[object, ...]) -> ListType:
    arguments = typing.get_args(option)
    items = tuple(field_type(argument) for argument in arguments if argument is not Ellipsis)
    return ListType(items, Ellipsis in arguments, _shortest(metadata))


def _map_type(option: object) -> MapType:
    keys, values = typing.get_args(option)
    return MapType(field_type(keys), field_type(values))


def _noun(option: object, metadata: tuple[object, ...]) -> list[str]:
    """Return what messages call a member of a union: a noun, or several for literals."""
    if isinstance(option, type) and option in NOUNS:
        return [NOUNS[option]]
    if _is(option, typing.Literal):
        return [f"`{value}`" for value in typing.get_args(option)]
    if _is(option, tuple):
        return [str(_list_type(option, metadata))]
    if _is(option, dict) or (isinstance(option, type) and option is not type(None)):
        return ["a map"]
    return []
