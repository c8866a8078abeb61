"""Parts of a spec that are `unknown`: `{unknown: "what was seen"}` in place of a value."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import ValidationError

from ganspec.language.errors import Mark
from ganspec.language.fields import FieldType, fields_of
from ganspec.language.kinds import kinds_of
from ganspec.language.section import Section
from ganspec.language.tree import MapNode, Node

UNREAD = "unknown"  # the key in such a part's map, and the kind of a layer that is unknown
NOT_READ = "not read"  # in place of a value, wherever values are shown


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

    The text is `nothing was seen` if the spec has none.
    """
    if not isinstance(node, MapNode) or list(node.value) != [UNREAD]:
        return None
    seen = node[UNREAD].value
    if seen is None or seen == "":
        return "nothing was seen"
    return seen if isinstance(seen, str) else None


def stand_in(kind: FieldType, seen: str) -> object:
    """Return some value that a field takes, in place of an unknown one.

    A section or kind records that all its fields are unknown. A list of layers gets one layer
    `unknown` with the text `seen`. Return None if the field takes none of these, no fixed words and
    no whole number.
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
