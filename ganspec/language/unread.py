"""Parts of a spec that are `unknown`: `{unknown: "what was seen"}` in place of a value."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NoReturn, TypeVar, cast

from pydantic import ValidationError

from ganspec.language.errors import Mark
from ganspec.language.fields import FieldType, fields_of
from ganspec.language.kinds import kinds_of
from ganspec.language.section import Section
from ganspec.language.tree import MapNode, Node

UNREAD = "unknown"  # the key that marks a part as unknown, and the kind of an unknown layer
GUESS = "guess"  # the key beside it, whose value takes the part's place, but is never shown
NOT_READ = "not read"  # the text that is shown in place of an unknown value
Part = TypeVar("Part")


@dataclass(frozen=True)
class Unread:
    """An unknown part of a spec: its key path, the spec's text about it, and its place."""

    path: str
    seen: str
    mark: Mark | None

    @property
    def network(self) -> str:
        """The first key of the path, such as `generator`."""
        return self.path.partition(".")[0]


def seen_in(node: Node) -> str | None:
    """Return the text of an unknown part; None if `node` is not `{unknown: TEXT}`.

    The text is `nothing was seen` if the spec has none. The map may have a `guess`, too.
    """
    if not isinstance(node, MapNode) or UNREAD not in node.value:
        return None
    if any(key not in (UNREAD, GUESS) for key in node.value):
        return None
    seen = node[UNREAD].value
    if seen is None or seen == "":
        return "nothing was seen"
    return seen if isinstance(seen, str) else None


def stand_in(kind: FieldType, seen: str) -> object:
    """Return some value that a field takes, in place of an unknown one.

    A section or kind records that all its fields are unknown. A list of layers gets one layer
    `unknown` with the text `seen`. Return None if no such value is known.
    """
    if kind.family:
        return _any_kind(kind.family)
    if kind.families:
        layer = kinds_of(kind.families).get(UNREAD)
        return (layer.model_validate({"seen": seen}),) if layer else None
    if kind.section:
        fields = fields_of(kind.section)
        values = {name: stand_in(f.type, seen) for name, f in fields.items() if f.required}
        return kind.section.model_validate(values).with_unread(["", *kind.section.model_fields])
    if kind.literals:
        return kind.literals[0]
    return 1 if int in kind.pythons else None


def _any_kind(family: str) -> Section | None:
    """Return the first kind of a family that needs no fields, with all fields recorded as unknown.

    Return None if every kind needs fields.
    """
    for cls in kinds_of(family).values():
        try:
            return cls.model_validate({}).with_unread(["", *cls.model_fields])
        except ValidationError:
            continue
    return None


# -- sealed parts ------------------------------------------------------------------------------


class NotReadError(Exception):
    """Raised when a sealed value is used."""


class SealedValue:
    """Stands for the value of an unknown field.

    Printing, comparing, calling or indexing it, or reading an attribute, raises NotReadError.
    """

    def _refuse(self, *_: object) -> NoReturn:
        raise NotReadError

    __getattr__ = __getitem__ = __call__ = __bool__ = __len__ = __iter__ = __contains__ = _refuse
    __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = __hash__ = _refuse
    __str__ = __repr__ = __format__ = __int__ = __index__ = __float__ = _refuse


def sealed(part: Part) -> Part:
    """Return a part of a spec with a `SealedValue` in place of each unknown field in it.

    So no text about the part can show a stand-in.
    """
    return cast(Part, _sealed(part))


def _sealed(part: object) -> object:
    if isinstance(part, Section):
        own = {name: getattr(part, name) for name in type(part).model_fields}
        new = {n: SealedValue() if n in part.unread else _sealed(v) for n, v in own.items()}
        changed = {name: value for name, value in new.items() if value is not own[name]}
        return part.model_copy(update=changed) if changed else part
    if isinstance(part, tuple):
        entries = tuple(map(_sealed, part))
        same = all(new is old for new, old in zip(entries, part, strict=True))
        return part if same else entries
    if isinstance(part, dict):
        return {key: _sealed(value) for key, value in part.items()}
    return part


def known(text: Callable[[], str]) -> str:
    """Return `text()`, a text about a sealed part; NOT_READ if it uses an unknown field."""
    try:
        return text()
    except NotReadError:
        return NOT_READ
