"""Find the places where names in a spec are defined, and outline a spec."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from ganspec.language.errors import Mark
from ganspec.language.tree import ListNode, MapNode, Node
from ganspec.language_server.spots import SpecWalk, Spot


@dataclass(frozen=True)
class OutlineEntry:
    """An entry of the outline: a key of the spec, a layer or a block, with the entries in it."""

    name: str
    mark: Mark
    is_layer: bool = False
    entries: list[OutlineEntry] = field(default_factory=list)


def name_at(spot: Spot, column: int) -> str | None:
    """Return the name at a column of a spot's line; None if no name of the spot is there."""
    line = spot.mark.text.lines[spot.mark.line - 1]
    for word in re.finditer(r"[A-Za-z_]\w*", line):
        if word.start() + 1 <= column <= word.end() + 1 and word.end() >= spot.mark.column:
            return word[0]
    return None


def number_at(spot: Spot, column: int) -> tuple[str, Node] | None:
    """Return the name at a column of an expression, and the node that defines it.

    Return None if the spot is not an expression, or if no defined name is there.
    """
    is_text = not spot.is_key and isinstance(spot.node.value, str)
    if not (is_text and {int, float} & spot.allowed.pythons):
        return None
    name = name_at(spot, column)
    return (name, spot.names[name]) if name and name in spot.names else None


def definition(spot: Spot, walk: SpecWalk, column: int) -> Mark | Path | None:
    """Return the place that defines the name at a column of a spot, or the file that it names.

    Names are those in expressions, of blocks and of their parameters; the value of `extends` names
    a file. Return None for anything else.
    """
    if spot.path == ("extends",) and isinstance(spot.node.value, str):
        return Path(spot.mark.text.name).parent / spot.node.value
    if number := number_at(spot, column):
        return number[1].start
    if spot.block and spot.family == "layer":
        return walk.blocks[spot.block].start
    if spot.block:
        parameter = walk.parameters(spot.block).get(str(spot.path[-1]))
        return parameter.start if parameter else None
    return None


def outline(tree: MapNode) -> list[OutlineEntry]:
    """Return the keys of a spec as entries. Those of networks and blocks contain their layers."""
    entries = []
    for key, node in tree.value.items():
        inner = _layers(node.get("layers"))
        if key == "blocks" and isinstance(node, MapNode):
            inner = [
                OutlineEntry(name, block.start, entries=_layers(block.get("layers")))
                for name, block in node.value.items()
            ]
        entries.append(OutlineEntry(key, node.start, entries=inner))
    return entries


def _layers(node: Node | None) -> list[OutlineEntry]:
    found = []
    for layer in node.value if isinstance(node, ListNode) else []:
        if isinstance(layer, MapNode):
            for word, body in layer.value.items():
                found.append(OutlineEntry(word, body.start, True, _layers(body.get("layers"))))
        elif isinstance(layer.value, str):
            found.append(OutlineEntry(layer.value, layer.mark, True))
    return found
