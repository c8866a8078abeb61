"""Completion: the keys, kinds, words and names that fit at the cursor."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ganspec.language.fields import FieldType
from ganspec.language.tree import MapNode
from ganspec.language_server.half_typed import MARKER, closing, is_entry, marked_trees, word_around
from ganspec.language_server.spots import SpecWalk, Spot
from ganspec.reference.words import (
    SPEC_KEYS,
    field_text,
    flow,
    kind_text,
    needs_nothing,
    takes,
    words_of,
)


@dataclass(frozen=True)
class Proposal:
    """A completion: `label`, with `detail` and `text` to show beside it.

    `form` says what follows the label: a colon after a `key`, fields after a `kind`, nothing after
    a `word`.
    """

    label: str
    sort: str  # `field`, `kind`, `block`, `number`, `value` or `file`
    form: str
    detail: str = ""
    text: str = ""

    def written(self, is_entry: bool, in_map: bool, has_colon: bool) -> str:
        """Return the text to insert; `$0` in it marks the cursor's new place, if not the end.

        `is_entry` is True if only indentation or dashes of a list are before it on its line,
        `in_map` if it is a key in braces, and `has_colon` if a colon follows already.
        """
        if has_colon or self.form == "word":
            return self.label
        if self.form == "key" or is_entry or in_map:
            return f"{self.label}: $0"
        return f"{{{self.label}: $0}}"


@dataclass(frozen=True)
class Choices:
    """The completions that may replace the word from the offset `start` to `end`."""

    start: int
    end: int
    choices: list[tuple[Proposal, str]]  # each with the text to insert


def complete(text: str, offset: int, path: Path, whole: MapNode | None) -> Choices:
    """Return the completions at an offset of `text`, the text of the spec at `path`.

    `whole` is the last tree of the spec that could be read, merged with the files that it extends;
    None if it could never be read.
    """
    start, end = word_around(text, offset)
    for tree in marked_trees(text, offset, str(path)):
        walk = SpecWalk(tree, _joined(tree, whole))
        spot = next((each for each in walk.spots() if _is_marked(each)), None)
        if spot is None:
            continue
        entry = is_entry(text, start)
        found = list(dict.fromkeys(_choices(spot, walk, entry)))
        if found:
            has_colon = text[end:].lstrip(" ").startswith(":")
            in_map = spot.is_key and closing(text[:start]).startswith("}")
            written = [(each, each.written(entry, in_map, has_colon)) for each in found]
            return Choices(start, end, written)
    return Choices(start, end, [])


def _is_marked(spot: Spot) -> bool:
    if not spot.is_key:
        return MARKER in str(spot.node.value)
    line = spot.mark.text.lines[spot.mark.line - 1]
    return MARKER in line[spot.mark.column - 1 : spot.mark.end - 1]


def _joined(tree: MapNode, whole: MapNode | None) -> MapNode:
    """Return `tree` with the keys, numbers in `vars` and blocks that only `whole` has."""
    if whole is None:
        return tree
    joined = {**whole.value, **tree.value}
    for key in ("vars", "blocks"):
        own, other = tree.get(key), whole.get(key)
        if isinstance(own, MapNode) and isinstance(other, MapNode):
            joined[key] = MapNode({**other.value, **own.value}, own.mark, own.key_mark)
    return MapNode(joined, tree.mark, tree.key_mark)


def _choices(spot: Spot, walk: SpecWalk, entry: bool) -> Iterator[Proposal]:
    """Yield the proposals for a spot; `entry` is True if it begins a line or an entry of a list."""
    if spot.path == ("extends",):
        own = Path(spot.mark.text.name)
        for file in sorted(own.parent.glob("*.yaml")):
            if file != own:
                yield Proposal(file.name, "file", "word")
    elif spot.is_key:
        yield from _keys(spot, walk)
    else:
        if entry:  # at the beginning of a line or entry, the word may become a key
            yield from _keys(spot, walk)
        yield from _words(spot.allowed)
        if spot.family:
            yield from _kinds(spot.family, walk)
        if {int, float} & spot.allowed.pythons:
            for name, node in spot.names.items():
                value = node.plain()
                detail = "parameter" if value == name else flow(value)
                yield Proposal(name, "number", "word", detail)


def _keys(spot: Spot, walk: SpecWalk) -> Iterator[Proposal]:
    """Yield the keys that fit at a spot, without fields and parameters that the map has."""
    taken = set(spot.taken)
    if spot.section:
        for name, field in spot.fields.items():
            if name not in taken:
                text = field_text(spot.section, field)
                yield Proposal(name, "field", "key", takes(field.type), text)
    if len(spot.path) == 1:
        for name, text in SPEC_KEYS.items():
            if name not in taken:
                yield Proposal(name, "field", "key", text)
    for word in spot.allowed.words if spot.is_key and not spot.field else ():
        yield Proposal(word, "field", "key")
    if spot.family:
        yield from _kinds(spot.family, walk)
    if spot.block and spot.family != "layer":
        for name in walk.parameters(spot.block):
            if name not in taken:
                yield Proposal(name, "field", "key", f"parameter of {spot.block}")


def _kinds(family: str, walk: SpecWalk) -> Iterator[Proposal]:
    """Yield the kinds of a family; for the family `layer`, also the spec's blocks."""
    shown = family.replace("_", " ")
    for word, cls in words_of(family).items():
        form = "word" if needs_nothing(cls) else "kind"
        yield Proposal(word, "kind", form, shown, kind_text(cls))
    if family == "layer":
        for name in walk.blocks:
            params = list(walk.parameters(name))
            form = "kind" if params else "word"
            yield Proposal(name, "block", form, f"block({', '.join(params)})")


def _words(allowed: FieldType) -> Iterator[Proposal]:
    for literal in allowed.literals:
        yield Proposal(flow(literal), "value", "word")
    if bool in allowed.pythons:
        for word in ("true", "false"):
            yield Proposal(word, "value", "word")
