"""Widths as expressions of the constructor's arguments: `8 * ngf` in place of 512."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace

from ganspec.importing.differing import Path, changed, numbers, substituted
from ganspec.importing.network import CodeNetwork, read_network
from ganspec.importing.python_file import CodeInput, Maker, build
from ganspec.language.expr import Width
from ganspec.language.names import name_problem

LONGEST_SUM = 2  # most names in one width; a longer sum is harder to read than its number


def name_widths(
    draft: CodeNetwork, inputs: list[CodeInput], maker: Maker, settings: dict[str, object]
) -> dict[str, int]:
    """Replace whole numbers of the draft by expressions of the constructor's arguments.

    Return, by name, the values of the arguments in these expressions. For each even argument, the
    network is built and read again with this argument halved. A number that falls by n halves
    becomes n times the argument's name, plus a rest.
    """
    slopes: dict[Path, dict[str, int]] = {}
    known = _arguments(maker, settings)
    here = dict(_numbers(draft))
    for name, value in known.items():
        if value % 2:
            continue
        smaller = _halved(draft.title, maker, {**settings, name: value // 2}, inputs, value)
        there = dict(_numbers(smaller)) if smaller else {}
        if list(there) != list(here):
            continue
        for path, width in here.items():
            slope, rest = divmod(width - there[path], value // 2)
            if slope and not rest:
                slopes.setdefault(path, {})[name] = slope
    texts = {path: text for path, s in slopes.items() if (text := _text(here[path], s, known))}
    widths = {path: Width(here[path], text, 1) for path, text in texts.items()}
    draft.entries = substituted(draft.entries, widths)
    draft.reads = tuple(widths.get(("reads", i), n) for i, n in enumerate(draft.reads))
    draft.condition = changed(draft.condition, widths, ("condition",))
    used = {name for path in texts for name in slopes[path]}
    return {name: value for name, value in known.items() if name in used}


def _arguments(maker: Maker, settings: dict[str, object]) -> dict[str, int]:
    """Return, by name, the integer arguments above 1 whose names are allowed in `vars`."""
    parameters = inspect.signature(maker).parameters.values()
    values = ((p.name, settings.get(p.name, p.default)) for p in parameters)
    return {n: v for n, v in values if type(v) is int and v > 1 and not name_problem(n)}


def _numbers(draft: CodeNetwork) -> Iterator[tuple[Path, int]]:
    yield from numbers(draft.entries)
    yield from numbers(list(draft.reads), ("reads",))
    yield from numbers(draft.condition, ("condition",))


def _halved(
    title: str, maker: Maker, settings: dict[str, object], inputs: list[CodeInput], value: int
) -> CodeNetwork | None:
    """Return the network that `settings` give; None if it cannot be built or read.

    `settings` already hold half of `value` for one argument. The network reads `inputs` or, if that
    fails, inputs in which every size equal to `value` is halved, too, but for labels.
    """
    shapes = (tuple(value // 2 if n == value else n for n in each.shape) for each in inputs)
    pairs = zip(inputs, shapes, strict=True)
    halved = [each if each.is_label else replace(each, shape=shape) for each, shape in pairs]
    for attempt in (inputs, halved):
        with suppress(Exception):  # the user's code may raise anything at an unusual width
            return read_network(title, build(maker, settings), attempt)
    return None


def _text(width: int, slopes: dict[str, int], values: dict[str, int]) -> str | None:
    """Return a width as a sum such as `2 * ngf + 3`; None if that is too long or has a minus.

    `slopes` has the factors of names, `values` the names' values.
    """
    rest = width - sum(slope * values[name] for name, slope in slopes.items())
    if rest < 0 or len(slopes) > LONGEST_SUM or min(slopes.values()) < 1:
        return None
    terms = [name if slope == 1 else f"{slope} * {name}" for name, slope in slopes.items()]
    return " + ".join([*terms, *([str(rest)] if rest else [])])
