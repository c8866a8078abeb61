"""A spec's text as a tree of nodes that record the place of each key and value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeAlias, TypeVar

from ganspec.language.errors import Mark

KeyPath: TypeAlias = tuple[str | int, ...]
Scalar: TypeAlias = str | int | float | bool | None
Value = TypeVar("Value")


@dataclass(frozen=True)
class _Marked(Generic[Value]):
    """A value of a spec. `mark` is its place, `key_mark` that of its key; None if it has no key."""

    value: Value
    mark: Mark
    key_mark: Mark | None = None

    @property
    def start(self) -> Mark:
        """The place of the key, or of the value if it has no key."""
        return self.key_mark or self.mark

    def get(self, key: str) -> Node | None:
        """Return the node under `key`; None if there is none, or if this is not a map."""
        return None

    def child(self, key: str | int) -> Node | None:
        """Return the node under a key of a map or at an index of a list; None if there is none."""
        return None

    def holding(self, value: object) -> Node:
        """Return a node with `value` at the same place."""
        return node_of(value, self.mark, self.key_mark)

    def as_value(self) -> Node:
        """Return a node with this value, whose key has the place of the value.

        The key is one that the spec does not write, such as `out` for `conv: 64`.
        """
        return node_of(self.value, self.mark, self.mark)

    def plain(self) -> object:
        """Return the value as plain data, without marks."""
        return self.value


class ScalarNode(_Marked[Scalar]):
    """A text, a number, true, false or null."""


class ListNode(_Marked[list["Node"]]):
    """A list of nodes."""

    def child(self, key: str | int) -> Node | None:
        if isinstance(key, str) or not -len(self.value) <= key < len(self.value):
            return None
        return self.value[key]

    def plain(self) -> list[object]:
        return [node.plain() for node in self.value]


class MapNode(_Marked[dict[str, "Node"]]):
    """A map of nodes."""

    def __getitem__(self, key: str) -> Node:
        return self.value[key]

    def get(self, key: str) -> Node | None:
        return self.value.get(key)

    def child(self, key: str | int) -> Node | None:
        return self.value.get(key) if isinstance(key, str) else None

    def plain(self) -> dict[str, object]:
        return {key: node.plain() for key, node in self.value.items()}


Node: TypeAlias = MapNode | ListNode | ScalarNode


def node_of(value: object, mark: Mark, key_mark: Mark | None = None) -> Node:
    """Return a node for a dict of nodes, a list of nodes, or a scalar."""
    if isinstance(value, dict):
        return MapNode(value, mark, key_mark)
    if isinstance(value, list):
        return ListNode(value, mark, key_mark)
    assert value is None or isinstance(value, (str, int, float, bool)), type(value)
    return ScalarNode(value, mark, key_mark)


def find(node: Node, path: KeyPath) -> Node:
    """Return the node at `path` below `node`, or the last node on the way that exists."""
    for part in path:
        child = node.child(part)
        if child is None:
            return node
        node = child
    return node
