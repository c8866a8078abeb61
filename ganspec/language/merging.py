"""Merge two trees of specs, for `extends` and for settings such as `train.batch=32`."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from ganspec.language.document import systems
from ganspec.language.fields import fields_of
from ganspec.language.kinds import kinds_of
from ganspec.language.section import Section
from ganspec.language.tree import KeyPath, MapNode, Node
from ganspec.language.unread import seen_in

Shape: TypeAlias = str | type[Section] | None
"""The form of the map at a key path: a family's name if the map chooses a kind, the class of a
section or kind if the map has its fields, None if neither is known."""
ELSEWHERE = ("blocks", "extends")  # keys of a spec that are no fields of its class
ShapeAt: TypeAlias = Callable[[KeyPath], Shape]


def merge(base: Node, over: Node, shape: ShapeAt, path: KeyPath = ()) -> Node:
    """Return `base` changed by `over`.

    Two maps are merged key by key, and null in `over` removes the key. Any other value of `over`
    replaces that of `base`. Where maps choose a kind, as `conv: {...}` does, another kind in `over`
    replaces all of the kind in `base`. For the same kind, its fields are merged; if `over` has the
    kind's name alone, `base` is returned. If one of the two is `unknown`, `over` is returned.
    `shape(path)` returns the `Shape` at a key path, and `path` is the key path of both nodes.
    """
    if seen_in(base) or seen_in(over):  # a known value replaces an unknown one, and vice versa
        return over
    part = shape(path)
    if isinstance(part, str) and isinstance(base, MapNode) and list(base.value) == [over.value]:
        return base
    if over.value is not None and isinstance(part, type):
        base, over = part.opened(base), part.opened(over)
    if not isinstance(over, MapNode):
        return over
    kept = base.value if isinstance(base, MapNode) else {}
    if isinstance(part, str) and list(kept) != list(over.value):
        kept = {}
    merged = dict(kept)
    for key, node in over.value.items():
        reset = node.value is None and not isinstance(part, str)
        if reset and (key in merged or is_key(path, key)):
            merged.pop(key, None)
        elif key in merged:
            merged[key] = merge(merged[key], node, shape, (*path, key))
        else:
            merged[key] = node
    return MapNode(merged, over.mark, over.key_mark)


def is_key(path: KeyPath, key: str) -> bool:
    """Return True if the map at `path` may have `key`, or if it is not known which keys it takes.

    Null removes a key for which this is True, or that the base has. Others stay, and are
    reported as misspelt.
    """
    shapes = [shape for system in systems() if (shape := shape_at(system, path)) is not None]
    classes = [shape for shape in shapes if isinstance(shape, type)]
    if not path and key in ELSEWHERE:
        return True
    is_field = any(key in fields_of(shape) for shape in classes)
    return is_field or len(classes) < len(shapes) or not shapes


def shape_at(root: type[Section], path: KeyPath) -> Shape:
    """Return the form of the map at `path` below the section `root`; None if it is not known."""
    at: Shape = root
    kinds: str | None = None  # the family of the list at this path, if it is a list of kinds
    for part in path:
        if kinds is not None:
            at, kinds = (kinds if isinstance(part, int) else None), None
        elif isinstance(at, str):
            at = at if isinstance(part, int) else kinds_of(at).get(part)  # an int is an index
        elif at is not None and (field := fields_of(at).get(str(part))):
            kinds = None if field.type.family else field.type.families
            at = None if kinds else field.type.family or field.type.section
        else:
            return None
    return at
