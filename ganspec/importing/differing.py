"""Templates of layer sequences that differ only in whole numbers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import chain, count

from ganspec.importing.entries import Data, Entry, is_layers
from ganspec.importing.page import layer_lines
from ganspec.language.names import name_problem

# indices in lists, kinds of layers and keys of fields, the outermost first
Path = tuple[str | int | None, ...]


@dataclass(frozen=True)
class Template:
    """Layers with names in place of some numbers; `params` lists each name's values, one a run."""

    params: dict[str, list[int]]
    layers: list[Entry]


def template(runs: list[list[Entry]], usual: Mapping[str, str]) -> Template:
    """Return layers that stand for all `runs`, with a name for each number that differs.

    Runs are lists of layers with equal outlines. Two numbers that are equal to each other in every
    run share a name: that of the field of the first one, or the name in `usual` for that field.
    """
    names: dict[tuple[int, ...], str] = {}
    places: dict[Path, str] = {}
    for column in zip(*(numbers(run) for run in runs), strict=True):
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
    return Template(params, substituted(runs[0], places))


def numbered(name: str) -> Iterator[str]:
    """Yield `name` alone, then with the numbers from 2 on: `c`, `c2`, `c3` and so on."""
    return chain([name], (f"{name}{i}" for i in count(2)))


def outline(run: list[Entry]) -> str:
    """Return the text of the layers with `?` in place of their whole numbers."""
    blanks = {path: "?" for path, _ in numbers(run)}
    return "\n".join(layer_lines(substituted(run, blanks)))


def numbers(value: Data, path: Path = ()) -> Iterator[tuple[Path, int]]:
    """Yield the whole numbers in layers or plain data, each with its path."""
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
    """Return copies of the layers, with the values at the paths in `by` replaced."""
    return [
        replace(
            layer,
            fields={k: changed(v, by, (*path, i, layer.kind, k)) for k, v in layer.fields.items()},
        )
        for i, layer in enumerate(layers)
    ]


def changed(value: Data, by: Mapping[Path, Data], path: Path) -> Data:
    """Return a copy of plain data, with the values at the paths in `by` replaced."""
    if path in by:
        return by[path]
    if is_layers(value):
        return substituted(value, by, path)
    if isinstance(value, dict):
        return {key: changed(part, by, (*path, key)) for key, part in value.items()}
    if isinstance(value, list):
        return [changed(part, by, (*path, i)) for i, part in enumerate(value)]
    return value
