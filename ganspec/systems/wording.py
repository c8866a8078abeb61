"""A spec's values in its own words, for one line of a table."""

from __future__ import annotations

from functools import cache

from ganspec.kinds.initializer import Initializer
from ganspec.language.annotations import many, options
from ganspec.language.kinds import Kind
from ganspec.language.section import Section
from ganspec.program.spelling import number

ALWAYS = ("kernel",)  # said even where it is the default, which no two kinds share


def spoken(value: object) -> str:
    """A field's value: `2e-4`, `yes`, `0.5, 0.999`, `leaky_relu 0.2`."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return number(value).removesuffix(".0")
    if isinstance(value, int):
        return str(int(value))
    if isinstance(value, (tuple, list)):
        return ", ".join(map(spoken, value))
    if isinstance(value, Initializer):
        return initial(value)
    if isinstance(value, Kind):
        return phrase(value)
    if isinstance(value, Section):
        own = ((name, getattr(value, name)) for name in type(value).model_fields)
        return ", ".join(_field(name, each) for name, each in own if each is not None)
    return " ".join(str(value).split())


def phrase(kind: Kind, framework: str = "torch") -> str:
    """A kind and what it says beside the framework's defaults: `conv 128, kernel 4, stride 2`."""
    primary, changed = kind.primary, kind.changed(framework)
    own = {n: getattr(kind, n) for n in architecture(type(kind)) if n not in ("norm", "init")}
    words, value = kind.kind, own.get(primary)
    if _is_telling(value) and (primary != "eps" or primary in changed):
        words += f" {spoken(value)}"
        own.pop(primary)
    others = (name for name in own if name in changed or name in ALWAYS)
    return ", ".join([words, *(_field(name, own[name]) for name in others)])


def _is_telling(value: object) -> bool:
    """Whether a bare value behind a kind's name says what it is: `conv 64`, `gradient 10`."""
    return value is not None and not isinstance(value, (bool, str))


def _field(name: str, value: object) -> str:
    shown = label(name)
    if isinstance(value, bool):
        return shown if value else f"no {shown}"
    return f"{shown} {spoken(value)}"


def label(name: str) -> str:
    """A field's name as the spec has it, without the underscore that Python asks for."""
    return name.rstrip("_").replace("_", " ")


def initial(init: Initializer | None) -> str:
    """Initial weights; without an initializer torch's own hold, as under `framework` of torch."""
    if init is None or init.call() is None:
        return "torch's own"
    return f"{init.of}'s own" if init.kind == "framework" else phrase(init)


@cache
def architecture(cls: type[Kind]) -> tuple[str, ...]:
    """The fields that say what a layer is: no names of values, and no layers inside it."""
    found = []
    for name, field in cls.model_fields.items():
        names_a_value = str in set(options(field.annotation)) and cls.family == "layer"
        if not (names_a_value or many(field.annotation)):
            found.append(name)
    return tuple(found)
