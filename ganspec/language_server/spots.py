"""Find the keys and values of a spec, with the fields, kinds and words allowed at each.

The tables of fields are read as when a spec is loaded, but keys may be wrong and fields may be
missing, since a spec is half typed most of the time.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import TypeAlias

from ganspec.language.document import Document, systems
from ganspec.language.errors import Mark, SpecError
from ganspec.language.fields import Field, FieldType, field_type, fields_of
from ganspec.language.kinds import Kind
from ganspec.language.load import system_of
from ganspec.language.opening import NUMBER, opened_body
from ganspec.language.section import Section
from ganspec.language.tree import KeyPath, ListNode, MapNode, Node
from ganspec.language.unread import UNREAD
from ganspec.reference.words import short_family, words_of, written_fields
from ganspec.systems.spec import BlockDefinition

Names: TypeAlias = Mapping[str, Node]
FREE = field_type(str)  # the type under a key that the spec chooses, and under an unknown key


@dataclasses.dataclass(frozen=True)
class Spot:
    """A key, or a value that is neither a map nor a list.

    `section` is the class whose fields can be keys here, and `family` the family whose kinds can be
    named here. `field` is the field that the key names, or that has the value; `kind` is the kind
    that is named here. `allowed` is the type of the value, or of the value under the key; at a key
    that names a kind, it is the type of the whole map. `block` is the block that is called here, or
    whose parameters are keys here. `names` are the nodes that define the names which an expression
    can read here. `taken` are all keys of the map in which the key is.
    """

    mark: Mark
    node: Node
    path: KeyPath
    is_key: bool = False
    allowed: FieldType = FREE
    section: type[Section] | None = None
    family: str | None = None
    field: Field | None = None
    kind: type[Kind] | None = None
    block: str | None = None
    names: Names = dataclasses.field(default_factory=dict)
    taken: tuple[str, ...] = ()

    @property
    def fields(self) -> dict[str, Field]:
        """The fields of the section by the keys that a spec writes."""
        return written_fields(self.section) if self.section else {}


class SpecWalk:
    """A walk through `tree`, the tree of one file.

    `whole` is the tree merged with all files that it extends, which may define names and blocks.
    """

    def __init__(self, tree: MapNode, whole: MapNode | None = None):
        self.tree, self.whole = tree, whole or tree
        self.numbers = _entries(self.whole.get("vars"))
        self.blocks = {
            name: block
            for name, block in _entries(self.whole.get("blocks")).items()
            if name not in words_of("layer")
        }
        try:
            self.system: type[Document] = system_of(self.whole)
        except SpecError:  # the spec has networks of several systems, which `check` reports
            self.system = systems()[0]

    def spots(self) -> Iterator[Spot]:
        """Yield the spots of the file, in the order of its text."""
        fields = fields_of(self.system)
        for key, child in self.tree.value.items():
            known = fields.get(key)
            allowed = known.type if known else FREE
            yield self._key(self.tree, key, (key,), allowed, section=self.system, field=known)
            if key == "blocks":
                yield from self._blocks(child)
            elif known:
                yield from self._value(allowed, child, (key,), self.numbers, known)
            elif not isinstance(child, MapNode | ListNode):
                yield Spot(child.mark, child, (key,))

    def parameters(self, block: str) -> dict[str, Node]:
        """Return, by name, the nodes of a block's parameters; {} if there is no such block."""
        return _parameters(self.blocks[block]) if block in self.blocks else {}

    def _key(
        self, node: MapNode, key: str, path: KeyPath, allowed: FieldType, **more: object
    ) -> Spot:
        """Return the spot of the key `key` of the map `node`.

        `allowed` is the type of its value, and `more` are other attributes of the spot.
        """
        child = node[key]
        taken = tuple(node.value)
        return Spot(child.start, child, path, True, allowed, taken=taken, **more)  # type: ignore[arg-type]

    def _blocks(self, node: Node) -> Iterator[Spot]:
        if not isinstance(node, MapNode):
            return
        for name, block in node.value.items():
            path: KeyPath = ("blocks", name)
            yield self._key(node, name, path, FREE)
            if isinstance(block, MapNode):
                names = {**self.numbers, **_parameters(block)}
                yield from self._section(BlockDefinition, block, path, names)

    def _value(
        self, allowed: FieldType, node: Node, path: KeyPath, names: Names, known: Field | None
    ) -> Iterator[Spot]:
        """Yield the spots in a value of the type `allowed`, in the field `known` if that is set."""
        if allowed.families and isinstance(node, ListNode):
            for i, child in enumerate(node.value):
                entry = FieldType(family=allowed.families)
                yield from self._chosen(entry, child, (*path, i), names)
        elif allowed.family:
            yield from self._chosen(allowed, node, path, names)
        elif allowed.section and isinstance(node, MapNode):
            yield from self._section(allowed.section, node, path, names)
        elif allowed.sections and isinstance(node, ListNode):
            for i, child in enumerate(node.value):
                entry = FieldType(section=allowed.sections)
                yield from self._value(entry, child, (*path, i), names, None)
        elif allowed.map and isinstance(node, MapNode):
            words = FieldType(literals=allowed.map.keys.words)
            networks = self.system if allowed.map.keys.family == "network" else None
            for key, child in node.value.items():
                yield self._key(node, key, (*path, key), words, section=networks)
                yield from self._value(allowed.map.values, child, (*path, key), names, None)
        elif isinstance(node, ListNode):
            for i, child in enumerate(node.value):
                item = allowed.list_of(len(node.value)).item(i) if allowed.lists else FREE
                yield from self._value(item, child, (*path, i), names, known)
        elif not isinstance(node, MapNode):
            section = allowed.section
            family = short_family(section) if section else None
            yield Spot(node.mark, node, path, False, allowed, section, family, known, names=names)

    def _section(
        self, cls: type[Section], node: MapNode, path: KeyPath, names: Names
    ) -> Iterator[Spot]:
        """Yield the spots in the map of a section or kind."""
        fields, family, inner = written_fields(cls), short_family(cls), names
        if issubclass(cls, Kind):
            family = fields[cls.primary].type.family if cls.primary else None
            if cls.kind == "repeat":
                inner = {**names, **_entries(node.get("with"))}
        for key, child in node.value.items():
            place, known = (*path, key), fields.get(key)
            kind = words_of(family).get(key) if family and not known else None
            allowed, meant = known.type if known else FREE, {"field": known, "kind": kind}
            yield self._key(node, key, place, allowed, section=cls, family=family, **meant)
            if known:
                visible = inner if key == "layers" else names
                yield from self._value(known.type, child, place, visible, known)
            elif kind:
                yield from self._body(kind, child, place, names)

    # -- kinds --------------------------------------------------------------------------------

    def _chosen(
        self, allowed: FieldType, node: Node, path: KeyPath, names: Names
    ) -> Iterator[Spot]:
        """Yield the spots in a word or a map of one key that names a kind or a block."""
        family = allowed.family or ""
        kinds = words_of(family) if family else {}
        blocks = self.blocks if family == "layer" else {}
        if isinstance(node, ListNode):
            return
        if not isinstance(node, MapNode):
            word = str(node.value)
            cls, block = kinds.get(word), word if word in blocks else None
            yield Spot(
                node.mark,
                node,
                path,
                allowed=allowed,
                family=family,
                kind=cls,
                block=block,
                names=names,
            )
            return
        for word, body in node.value.items():
            cls, block = kinds.get(word), word if word in blocks else None
            yield self._key(node, word, path, allowed, family=family, kind=cls, block=block)
            if block:
                yield from self._arguments(block, body, path, names)
            elif cls and word != UNREAD:
                yield from self._body(cls, body, (*path, word), names)

    def _body(self, cls: type[Kind], body: Node, path: KeyPath, names: Names) -> Iterator[Spot]:
        """Yield the spots in the value of a kind's key: a map of fields, or the primary field."""
        primary = written_fields(cls).get(cls.primary or "")
        opened = opened_body(cls, body)
        if isinstance(body, MapNode):
            is_short = isinstance(opened, MapNode) and list(opened.value) != list(body.value)
            if is_short and primary:  # `join_label: {embedding: ...}`
                yield from self._value(primary.type, body, path, names, primary)
            else:
                yield from self._section(cls, body, path, names)
        elif primary:
            yield from self._value(primary.type, body, path, names, primary)
        elif not isinstance(body, ListNode):
            yield Spot(body.mark, body, path, section=cls)

    def _arguments(self, block: str, body: Node, path: KeyPath, names: Names) -> Iterator[Spot]:
        """Yield the spots in `body`, the arguments of a call of `block`: a map, list or value."""
        if isinstance(body, MapNode):
            for key, child in body.value.items():
                yield self._key(body, key, (*path, key), NUMBER, block=block)
                yield from self._value(NUMBER, child, (*path, key), names, None)
        else:
            listed = body.value if isinstance(body, ListNode) else [body]
            for child in listed:
                yield from self._value(NUMBER, child, path, names, None)


def _entries(node: Node | None) -> dict[str, Node]:
    return dict(node.value) if isinstance(node, MapNode) else {}


def _parameters(block: Node) -> dict[str, Node]:
    params = block.get("params")
    listed = params.value if isinstance(params, ListNode) else []
    return {str(each.value): each for each in listed}


def spot_at(spots: Iterator[Spot], line: int, column: int) -> Spot | None:
    """Return the spot at a line and a column, both from 1; None if there is none."""
    found = (
        spot
        for spot in spots
        if spot.mark.line == line and spot.mark.column <= column <= spot.mark.end
    )
    # where two spots touch, the second; if an empty value is where its key is, the key
    return max(found, key=lambda s: (s.mark.column, s.is_key), default=None)
