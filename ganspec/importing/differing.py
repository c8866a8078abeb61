"""What several runs of layers have in common, and in which numbers they differ."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from ganspec.importing.entries import Entry
from ganspec.language.names import name_problem

Path = tuple[object, ...]


def numbers(value: object, path: Path = ()) -> Iterator[tuple[Path, int]]:
    """The whole numbers in entries or plain data, with where they stand."""
    if isinstance(value, bool) or value is None:
        return
    if isinstance(value, int):
        yield path, value
    elif isinstance(value, Entry):
        yield from numbers(value.fields, (*path, value.kind))
    elif isinstance(value, dict):
        for key, part in value.items():
            yield from numbers(part, (*path, key))
    elif isinstance(value, list):
        for i, part in enumerate(value):
            yield from numbers(part, (*path, i))


def blank(value: object) -> object:
    """Entries or plain data with their whole numbers taken out: what two calls have in common."""
    if isinstance(value, int) and not isinstance(value, bool):
        return "?"
    if isinstance(value, Entry):
        return (value.kind, value.note, blank(value.fields))
    if isinstance(value, dict):
        return tuple((key, blank(part)) for key, part in value.items())
    if isinstance(value, list):
        return tuple(map(blank, value))
    return repr(value)


def renamed(value: object, names: dict[Path, str], path: Path = ()) -> object:
    """A copy with names where `names` has them, and without the calls behind it."""
    if path in names:
        return names[path]
    if isinstance(value, Entry):
        fields = renamed(value.fields, names, (*path, value.kind))
        return replace(value, fields=fields, ops=[])
    if isinstance(value, dict):
        return {key: renamed(part, names, (*path, key)) for key, part in value.items()}
    if isinstance(value, list):
        return [renamed(part, names, (*path, i)) for i, part in enumerate(value)]
    return value


def parameters(calls: list[list[Entry]], usual: dict[str, str]) -> dict[str, list[int]]:
    """Names for the numbers in which the calls differ, each with its values; see `places`."""
    return {name: list(values) for values, name in _named(calls, usual).items()}


def _named(calls: list[list[Entry]], usual: dict[str, str]) -> dict[tuple[int, ...], str]:
    names: dict[tuple[int, ...], str] = {}
    for path, values in _columns(calls):
        if len(set(values)) > 1 and values not in names:
            field_name = next(p for p in reversed(path) if isinstance(p, str))
            names[values] = _free(usual.get(field_name, field_name), set(names.values()))
    return names


def places(calls: list[list[Entry]], usual: dict[str, str]) -> dict[Path, str]:
    """Where those names stand."""
    names = _named(calls, usual)
    return {path: names[values] for path, values in _columns(calls) if values in names}


def _columns(calls: list[list[Entry]]) -> Iterator[tuple[Path, tuple[int, ...]]]:
    for column in zip(*(list(numbers(call)) for call in calls), strict=True):
        yield column[0][0], tuple(value for _, value in column)


def _free(name: str, taken: set[str]) -> str:
    options = [name, *(f"{name}{i}" for i in range(2, 100))]
    return next(n for n in options if n not in taken and name_problem(n) is None)
