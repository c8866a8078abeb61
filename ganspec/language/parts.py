"""View a validated spec as a tree of named parts, and find the parts that a path names.

A path such as `generator.leaky_relu.slope` is a section, then names on the way down to a value;
names in between may be left out. A name means a part right below if there is one of that name, and
otherwise all parts of that name further down. So a path without numbers names the same values in
the short form of a spec and in the full one, inside and outside of a repeat, and after layers of
other kinds were added.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from ganspec.language.fields import fields_of
from ganspec.language.kinds import Kind
from ganspec.language.section import Section

PATH = re.compile(r"[a-z_][a-z0-9_]*(\.([a-z_][a-z0-9_]*|-?[0-9]{1,4}))*", re.ASCII)
# fields that are no parts: names and texts, and `vars`, since the fields that use its numbers
# have them already
UNNAMED = {"name", "doc", "as", "from", "vars"}
HOLDER = object()  # stands for the value of a part that only holds others


@dataclass(frozen=True, eq=False)
class SpecPart:
    """A section, a field, a kind, or an entry of a list or map.

    `path` is its key path, such as `train.batch`. The value of a kind is its name; a part that only
    holds `parts` has the value HOLDER.
    """

    name: str
    path: str
    value: object = HOLDER
    parts: tuple[SpecPart, ...] = ()
    kind: Kind | None = field(default=None, repr=False)

    def values(self) -> Iterator[SpecPart]:
        """Yield the parts that have a value: this one and all below it, in order."""
        if self.value is not HOLDER:
            yield self
        for part in self.parts:
            yield from part.values()

    def below(self, name: str) -> list[SpecPart]:
        """Return the parts called `name` right below this one, or else further down, in order."""
        own = [part for part in self.parts if part.name == name]
        return own or list(self._inside(name))

    def _inside(self, name: str) -> Iterator[SpecPart]:
        for part in self.parts:
            if part.name == name:
                yield part
            yield from part._inside(name)

    def named(self, path: str) -> list[SpecPart]:
        """Return the parts that `path` names, in order; [] if it names nothing or is no path.

        A number after a name chooses among the entries of lists that have that name. It counts from
        0, or from the end if it is negative: `conv.0` is the first `conv` of all lists.
        """
        steps = path.split(".") if PATH.fullmatch(path) else []
        # the first step must be a key of the spec itself, while `below` would also look deeper
        groups = [[part for part in self.parts if part.name in steps[:1]]]
        for step in steps[1:]:
            if step.lstrip("-").isdigit():
                groups = [_at(group, int(step)) for group in groups]
            else:
                groups = [part.below(step) for group in groups for part in group]
        return list(dict.fromkeys(part for group in groups for part in group))


def _at(parts: list[SpecPart], index: int) -> list[SpecPart]:
    """Return those of `parts` with the number `index`, counted only among parts in lists.

    Kinds and sections are counted together, whichever lists they are in. Numbers and texts are
    counted in each list by itself: of the `betas` of two optimizers, two entries are returned.
    """
    lists: dict[str, list[SpecPart]] = {}
    for part in parts:
        above, _, last = part.path.rpartition(".")
        if last.isdigit():
            lists.setdefault("" if part.parts or part.kind else above, []).append(part)
    return [each[index] for each in lists.values() if -len(each) <= index < len(each)]


def parts_of(section: Section, name: str = "", path: str = "") -> SpecPart:
    """Return a section, such as a whole spec, as a part that holds its fields."""
    return SpecPart(name, path, parts=tuple(_fields(section, path)))


def _fields(section: Section, path: str) -> Iterator[SpecPart]:
    for known in fields_of(type(section)).values():
        if known.name not in UNNAMED:
            inner = f"{path}.{known.name}" if path else known.name
            yield from _field(known.name, getattr(section, known.attribute), inner)


def _field(name: str, value: object, path: str) -> Iterator[SpecPart]:
    """Yield the part of a field; for a list of values or sections, a part for each entry."""
    if isinstance(value, Kind):
        yield SpecPart(name, path, parts=tuple(_kinds(value)))
    elif isinstance(value, Section):
        yield parts_of(value, name, path)
    elif isinstance(value, dict):
        inner = (part for key, each in value.items() for part in _field(key, each, f"{path}.{key}"))
        yield SpecPart(name, path, parts=tuple(inner))
    elif isinstance(value, tuple) and value and isinstance(value[0], Kind):
        yield SpecPart(name, path, parts=tuple(part for kind in value for part in _kinds(kind)))
    elif isinstance(value, tuple):
        for i, each in enumerate(value):
            yield from _field(name, each, f"{path}.{i}")
    else:
        yield SpecPart(name, path, value)


def _kinds(kind: Kind) -> Iterator[SpecPart]:
    """Yield the part of `kind`; for a repeat, those of its layers, round by round.

    The call of a block becomes a part with the block's name, which holds its layers.
    """
    if kind.kind == "repeat":
        for layers in getattr(kind, "rounds", ()):
            for layer in layers:
                yield from _kinds(layer)
    elif kind.kind == "block":
        inner = tuple(part for layer in getattr(kind, "layers", ()) for part in _kinds(layer))
        yield SpecPart(getattr(kind, "block", ""), kind.key_path, parts=inner)
    else:
        parts = tuple(_fields(kind, kind.key_path))
        yield SpecPart(kind.kind, kind.key_path, kind.kind, parts, kind)
