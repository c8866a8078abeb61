"""A spec's text as a tree: plain data in which every key and value knows its place."""

from __future__ import annotations

from dataclasses import dataclass

from ganspec.language.errors import Mark

KeyPath = tuple[str | int, ...]


@dataclass(frozen=True)
class Node:
    """A value with its place; `value` is a dict or list of nodes, or a scalar."""

    value: dict[str, Node] | list[Node] | str | int | float | bool | None
    mark: Mark
    key_mark: Mark | None = None

    def __getitem__(self, key: str | int) -> Node:
        return self.value[key]

    def get(self, key: str) -> Node | None:
        """The value under `key` of a map, else None."""
        return self.value.get(key) if isinstance(self.value, dict) else None

    def find(self, path: KeyPath) -> Node:
        """The node at `path`, or the deepest one on the way to it."""
        node = self
        for part in path:
            try:
                node = node.value[part]
            except (KeyError, IndexError, TypeError):
                return node
        return node

    def holding(self, value: object) -> Node:
        """Another value in the same place."""
        return Node(value, self.mark, self.key_mark)

    def plain(self) -> object:
        """Plain data without marks."""
        if isinstance(self.value, dict):
            return {key: node.plain() for key, node in self.value.items()}
        if isinstance(self.value, list):
            return [node.plain() for node in self.value]
        return self.value
