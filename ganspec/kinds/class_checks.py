"""Checks of the kinds in a user's file, made when the file is loaded."""

from __future__ import annotations

import keyword
import sys
import types
import typing
from collections.abc import Iterator

from pydantic import ValidationError

from ganspec.language.errors import listed
from ganspec.language.fields import NOUNS, Family, fields_of, options_of
from ganspec.language.kinds import Kind
from ganspec.language.names import PLAIN
from ganspec.language.registry import BASES
from ganspec.language.section import Section

# names that a kind of each family must define, at least one of each tuple
REQUIRED: dict[str, list[tuple[str, ...]]] = {
    "layer": [("call", "lower")],
    "condition": [("join",)],
    "loss": [("real_loss",), ("fake_loss",), ("generator_loss",)],
    "penalty": [("penalty",)],
    "criterion": [("loss",), ("targets",)],
    "optimizer": [("call", "optimizer")],
    "initializer": [("call",)],
    "weight_norm": [("wrap",)],
    "metric": [("measure",), ("names",), ("higher",)],
    "dataset": [("load",)],
}
PLAIN_FUNCTIONS = ("real_loss", "fake_loss", "generator_loss", "penalty", "loss", "load")
ALLOWED: tuple[tuple[str, tuple[str | None, ...]], ...] = (  # values of some class attributes
    ("role", ("", "activation", "norm", "pool", "resampling", "join")),
    ("expects", (None, "map", "vector")),
)
USABLE = "int, float, bool, str, `Literal`, `tuple[...]` or `dict[...]`, or a type of ganspec"


def classes_of(module: str) -> list[type[Kind]]:
    """Return the kinds in the loaded module named `module`, also those that lack `kind=`."""
    found = [each for each in vars(sys.modules[module]).values() if isinstance(each, type)]
    found += [kind for base in BASES.values() for kind in getattr(base, "kinds", {}).values()]
    own = (each for each in found if each.__module__ == module and issubclass(each, Kind))
    return [each for each in dict.fromkeys(own) if hasattr(each, "family")]


def class_faults(cls: type[Kind]) -> Iterator[str]:
    """Yield each fault of a kind's class as a sentence, with a fix after a semicolon."""
    family = cls.family.replace("_", " ")
    if "kind" not in vars(cls):
        if not cls.__subclasses__():  # else it is a base class of kinds
            base = cls.__mro__[1].__name__
            fix = f'write `class {cls.__name__}({base}, kind="{cls.__name__.lower()}")`'
            yield f"the {family} `{cls.__name__}` has no `kind=`, the name that specs use; {fix}"
        return
    what = f"the {family} `{cls.kind}`"
    if keyword.iskeyword(cls.kind):
        yield f"{what} has a word of Python as its name; choose another name"
    elif not PLAIN.fullmatch(cls.kind):
        yield f"{what} has a name that is not plain; use small letters, digits and `_`"
    if not vars(cls).get("__doc__"):
        yield f"{what} has no docstring; write one that describes it"
    if "__init__" in vars(cls):
        yield f"{what} defines `__init__`; write its arguments as fields, such as `size: int = 2`"
    for fault in [*_definition_faults(cls), *_field_faults(cls)]:
        yield f"{what} {fault}"


def _definition_faults(cls: type[Kind]) -> Iterator[str]:
    base = BASES[cls.family]
    required = [*REQUIRED.get(cls.family, ())]
    if getattr(cls, "needs_folder", False):  # a data set of files
        required += [("holds",), ("wanted",)]
    for names in required:
        if all(getattr(cls, name, None) is getattr(base, name, None) for name in names):
            yield f"does not define {listed(names, 'or')}; define it, see docs/extending.md"
    for name in PLAIN_FUNCTIONS:
        function = vars(cls).get(name)
        if isinstance(function, types.FunctionType) and function.__code__.co_varnames[:1] == (
            "self",
        ):
            fix = f"define it at the top level, and write `{name}: ClassVar = staticmethod({name})`"
            yield f"has `{name}` as a method with `self`; {fix}"
    for name, values in ALLOWED:
        if name in vars(cls) and vars(cls)[name] not in values:
            known = listed([value for value in values if value], "or")
            yield f"has the `{name}` {vars(cls)[name]!r}; it may be {known}"


def _field_faults(cls: type[Kind]) -> Iterator[str]:
    fields = fields_of(cls)
    if cls.primary is not None and cls.primary not in fields:
        known = f"its fields are {listed(fields)}" if fields else "it has no fields"
        yield f"has the `primary` {cls.primary!r}, which is no field; {known}"
    for name in ("as_", "from_"):
        if name in vars(cls).get("__annotations__", {}) and cls.family == "layer":
            yield f"has a field `{name}`, which every layer has; choose another name"
    for field in fields.values():
        for wrong in _unreadable(cls.model_fields[field.attribute].annotation):
            shown, fix = _type_words(wrong)
            yield f"has the field `{field.name}`: no spec can hold {shown}; write {fix}"
    defaults = {field.name: field.default for field in fields.values() if not field.required}
    try:
        cls.model_validate(defaults)
    except ValidationError as error:
        for each in error.errors():
            name, message = str(*each["loc"][:1]), each["msg"]
            if name in defaults:
                reason = message[:1].lower() + message[1:]
                shown = f"`{name}: ... = {defaults[name]!r}`"
                yield f"has a default that its field refuses, {shown}: {reason}; write another"


def _unreadable(annotation: object) -> Iterator[object]:
    """Yield the types in an annotation that no field of a spec can have, such as `list[int]`."""
    for option, extra in options_of(annotation, ()):
        if any(isinstance(each, Family) for each in extra):
            continue
        if typing.get_origin(option) in (tuple, dict):
            for part in typing.get_args(option):
                yield from () if part is Ellipsis else _unreadable(part)
        elif typing.get_origin(option) is not typing.Literal and not (
            isinstance(option, type) and issubclass(option, (*NOUNS, type(None), Section))
        ):
            yield option


def _type_words(wrong: object) -> tuple[str, str]:
    """Return two texts: the type `wrong`, and the type or types to write in its place."""
    origin = typing.get_origin(wrong) or wrong
    shown = wrong.__name__ if isinstance(wrong, type) and origin is wrong else str(wrong)
    item = next((each.__name__ for each in typing.get_args(wrong) if each in NOUNS), "int")
    fixes = {"list": f"`tuple[{item}, ...]`", "tuple": "`tuple[int, ...]`"}
    fixes["dict"] = "`dict[str, float]`"
    return f"`{shown}`", fixes.get(getattr(origin, "__name__", ""), USABLE)
