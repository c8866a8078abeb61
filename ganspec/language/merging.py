"""One tree laid over another: `extends` and settings both merge so."""

from __future__ import annotations

from collections.abc import Callable

from ganspec.language.tree import KeyPath, MapNode, Node

Shape = Callable[[KeyPath], object]
"""What the language has at a key path: a family's name where one of its kinds is chosen, the
class of a section or of a kind's fields, or None."""


def merge(base: Node, over: Node, shape: Shape, path: KeyPath = ()) -> Node:
    """`over` laid on `base`: maps merge, everything else replaces, null removes.

    Where a kind is chosen another kind replaces the inherited one, and the same kind merges its
    fields.
    """
    what = shape(path)
    if over.value is not None and (opened := getattr(what, "opened", None)):
        base, over = opened(base), opened(over)
    if not isinstance(over, MapNode):
        return over
    kept = base.value if isinstance(base, MapNode) else {}
    if isinstance(what, str) and list(kept) != list(over.value):
        kept = {}
    merged = dict(kept)
    for key, node in over.value.items():
        if node.value is None and not isinstance(what, str):
            merged.pop(key, None)
        elif key in merged:
            merged[key] = merge(merged[key], node, shape, (*path, key))
        else:
            merged[key] = node
    return MapNode(merged, over.mark, over.key_mark)
