"""Templates of layer sequences that differ only in whole numbers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import chain, count

from ganspec.importing.entries import Data, Entry, is_layers
from ganspec.importing.page import layer_lines
from ganspec.language.names import name_problem

# the way to a value in nested layers: list indices, kinds and field names, outermost first
Path = tuple[str | int | None, ...]


@dataclass(frozen=True)
class Template:
    """Layers that stand for several lists of layers, with names in place of some whole numbers.

    `params` has, by name, the numbers for which the name stands, one for each of these lists.
    """

    params: dict[str, list[int]]
    layers: list[Entry]


def template(sequences: list[list[Entry]], usual: Mapping[str, str]) -> Template:
    """Return a template of `sequences`, lists of layers that differ only in whole numbers.

    A whole number that differs among the lists gets a name. Two numbers share a name if they are
    equal in every list. The name is the one that `usual` has for the first number's field, or else
    the field's; if it is taken or not allowed, it ends in 2, 3 and so on.
    """
    names: dict[tuple[int, ...], str] = {}
    places: dict[Path, str] = {}
    for column in zip(*(numbers(layers) for layers in sequences), strict=True):
        path, values = column[0][0], tuple(value for _, value in column)
        if len(set(values)) == 1:
            continue
        if values not in names:
            field = next(part for part in reversed(path) if isinstance(part, str))
            options = numbered(usual.get(field, field))
            names[values] = next(
                name for name in options if name not in names.values() and not name_problem(name)
            )
        places[path] = names[values]
    params = {name: list(values) for values, name in names.items()}
    return Template(params, substituted(sequences[0], places))


def numbered(name: str) -> Iterator[str]:
    """Yield `name` alone, then with the numbers from 2 on: `c`, `c2`, `c3` and so on."""
    return chain([name], (f"{name}{i}" for i in count(2)))


def outline(layers: list[Entry]) -> str:
    """Return the layers as YAML, with `?` in place of every whole number."""
    blanks = {path: "?" for path, _ in numbers(layers)}
    return "\n".join(layer_lines(substituted(layers, blanks)))


def numbers(value: Data, path: Path = ()) -> Iterator[tuple[Path, int]]:
    """Yield (path, number) for every whole number in layers or plain data.

    The paths begin with `path`, that of `value` itself.
    """
    if isinstance(value, int) and not isinstance(value, bool):
        yield path, value
    elif isinstance(value, Entry):
        yield from numbers(value.fields, (*path, value.kind))
    elif isinstance(value, dict):
        for key, part in value.items():
            yield from numbers(part, (*path, key))
    elif isinstance(value, list):
        for i, part in enumerate(value):
            yield from numbers(part, (*path, i))


def substituted(layers: list[Entry], by: Mapping[Path, Data], path: Path = ()) -> list[Entry]:
    """Return copies of `layers`, with values whose paths are in `by` replaced by the values there.

    The paths begin with `path`, that of `layers` itself.
    """
    return [
        replace(
            layer,
            fields={k: changed(v, by, (*path, i, layer.kind, k)) for k, v in layer.fields.items()},
        )
        for i, layer in enumerate(layers)
    ]


def changed(value: Data, by: Mapping[Path, Data], path: Path) -> Data:
    """Return a copy of `value`, with parts whose paths are in `by` replaced by the values there.

    The paths begin with `path`, that of `value` itself.
    """
    if path in by:
        return by[path]
    if is_layers(value):
        return substituted(value, by, path)
    if isinstance(value, dict):
        return {key: changed(part, by, (*path, key)) for key, part in value.items()}
    if isinstance(value, list):
        return [changed(part, by, (*path, i)) for i, part in enumerate(value)]
    return value
