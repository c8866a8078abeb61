"""A spec's values as one-line texts for tables, in the words that specs use."""

from __future__ import annotations

from functools import cache

from ganspec.kinds.initializer import Initializer
from ganspec.kinds.initializers.framework import Framework
from ganspec.language.fields import fields_of
from ganspec.language.kinds import Kind
from ganspec.language.section import Section
from ganspec.language.unread import NOT_READ, UNREAD
from ganspec.program.spelling import number

ALWAYS = ("kernel",)  # fields shown even at the default, which is not the same for all kinds


def spoken(value: object) -> str:
    """Return a field's value as text: `2e-4`, `yes`, `0.5, 0.999`, `leaky_relu 0.2`."""
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
    """Return a kind as text, such as `conv 128, kernel 4, stride 2`.

    `init`, `weight_norm`, and fields that hold kinds or name outputs are left out. Of the others,
    those with the framework's defaults are left out, except most primary fields, such as a number
    of channels, and those in ALWAYS.
    """
    if kind.is_unread:
        return NOT_READ
    if kind.kind == UNREAD:
        return f"{NOT_READ}: {spoken(getattr(kind, 'seen', ''))}"
    primary, changed = kind.primary, kind.changed(framework)
    own = {
        n: NOT_READ if n in kind.unread else getattr(kind, n)
        for n in architecture(type(kind))
        if n not in ("weight_norm", "init")
    }
    words = kind.kind
    if primary in own and _is_telling(own[primary]) and (primary != "eps" or primary in changed):
        words += f" {spoken(own.pop(primary))}"
    others = (name for name in own if name in (*changed, *ALWAYS, *kind.unread))
    return ", ".join([words, *(_field(name, own[name]) for name in others)])


def _is_telling(value: object) -> bool:
    """Return True if a primary value is clear without its field's name: `conv 64`."""
    return value is not None and not isinstance(value, (bool, str))


def _field(name: str, value: object) -> str:
    shown = label(name)
    if isinstance(value, bool):
        return shown if value else f"no {shown}"
    return f"{shown} {spoken(value)}"


def label(name: str) -> str:
    """Return a field's name in words: `real target` for `real_target`, `as` for `as_`."""
    return name.rstrip("_").replace("_", " ")


def initial(init: Initializer | None) -> str:
    """Return an initializer as text: `torch's own` if it is None or keeps torch's weights."""
    if init is None or init.call() is None:
        return "torch's own"
    return f"{init.of}'s own" if isinstance(init, Framework) else phrase(init)


@cache
def architecture(cls: type[Kind]) -> tuple[str, ...]:
    """Return the names of a kind's fields, without those that hold kinds or name outputs."""
    names = []
    for field in fields_of(cls).values():
        names_a_value = cls.family == "layer" and any(s.python is str for s in field.type.scalars)
        if not (names_a_value or field.type.families):
            names.append(field.attribute)
    return tuple(names)
