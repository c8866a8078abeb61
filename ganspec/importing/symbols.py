"""Widths in the words of the code: `8 * ngf` where the constructor has `ngf=64`."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from dataclasses import replace

from torch import nn

from ganspec.importing.differing import Path, numbers
from ganspec.importing.entries import Entry
from ganspec.importing.network import Found, read_network
from ganspec.importing.python_file import Given, build
from ganspec.language.expr import Width
from ganspec.language.names import name_problem

LONGEST_SUM = 2  # names in one width; more say nothing to a reader


def arguments(cls: type[nn.Module], settings: dict[str, object]) -> dict[str, int]:
    """The constructor's whole numbers that a spec could have under `vars`."""
    parameters = inspect.signature(cls).parameters.values()
    values = {p.name: settings.get(p.name, p.default) for p in parameters}
    return {
        name: value
        for name, value in values.items()
        if type(value) is int and value > 1 and name_problem(name) is None
    }


def named(found: Found, given: list[Given], cls: type[nn.Module], settings: dict) -> dict[str, int]:
    """Put names into the network's widths; those that any width has, with their values.

    The network is built and read again with each argument halved. A width that follows is a
    multiple of it, and perhaps something more.
    """
    slopes: dict[Path, dict[str, int]] = {}
    known = arguments(cls, settings)
    here = dict(columns(found))
    for name, value in known.items():
        if value % 2:
            continue
        changed = _halved(found.title, cls, settings, given, name, value)
        there = dict(columns(changed)) if changed else {}
        if list(there) != list(here):
            continue
        for path, width in here.items():
            if width != there[path] and (width - there[path]) % (value // 2) == 0:
                slopes.setdefault(path, {})[name] = (width - there[path]) // (value // 2)
    texts = {path: text for path, s in slopes.items() if (text := _text(here[path], s, known))}
    found.entries[:] = _renamed(found.entries, texts)
    found.reads = _renamed(found.reads, texts, ("reads",))
    found.condition = _renamed(found.condition, texts, ("condition",))
    used = {name for path in texts for name in slopes[path]}
    return {name: value for name, value in known.items() if name in used}


def columns(found: Found) -> Iterator[tuple[Path, int]]:
    """Every width of a network with its place."""
    yield from numbers(found.entries)
    yield from numbers(list(found.reads), ("reads",))
    yield from numbers(found.condition, ("condition",))


def _halved(title: str, cls, settings: dict, given: list[Given], name: str, value: int):
    """The network with one argument halved, and its input too where it does not fit else."""
    half = value // 2
    shrunk = [
        replace(g, shape=tuple(half if n == value else n for n in g.shape)) if not g.is_label else g
        for g in given
    ]
    for inputs in (given, shrunk):
        try:
            return read_network(title, build(cls, {**settings, name: half}), inputs)
        except Exception:  # the user's code may raise anything at a width it was not made for
            continue
    return None


def _text(width: int, slopes: dict[str, int], values: dict[str, int]) -> str | None:
    rest = width - sum(slope * values[name] for name, slope in slopes.items())
    if rest < 0 or len(slopes) > LONGEST_SUM or min(slopes.values()) < 1:
        return None
    terms = [name if slope == 1 else f"{slope} * {name}" for name, slope in slopes.items()]
    return " + ".join([*terms, *([str(rest)] if rest else [])])


def _renamed(value: object, texts: dict[Path, str], path: Path = ()) -> object:
    """`value` with the texts for its whole numbers, which stay numbers."""
    if path in texts:
        return Width(value, texts[path], 1)
    if isinstance(value, Entry):
        value.fields = _renamed(value.fields, texts, (*path, value.kind))
        return value
    if isinstance(value, dict):
        return {key: _renamed(part, texts, (*path, key)) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        parts = [_renamed(part, texts, (*path, i)) for i, part in enumerate(value)]
        return tuple(parts) if isinstance(value, tuple) else parts
    return value
