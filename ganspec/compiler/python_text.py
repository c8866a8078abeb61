"""Parse a Python text, and edit it at nodes of its syntax tree."""

from __future__ import annotations

import ast
import re
from functools import cached_property, lru_cache
from typing import TypeAlias

from ganspec.compiler.scopes import Scopes

PlacedNode: TypeAlias = ast.expr | ast.stmt | ast.arg | ast.keyword


class Parsed:
    """The syntax tree and the scopes of a text. Equal texts share them, so never change them."""

    def __init__(self, text: str):
        self.tree = ast.parse(text)

    @cached_property
    def scopes(self) -> Scopes:
        return Scopes(self.tree)

    @cached_property
    def parents(self) -> dict[ast.AST, ast.AST]:
        """The node around each node of the tree."""
        nodes = ast.walk(self.tree)
        return {child: node for node in nodes for child in ast.iter_child_nodes(node)}


# A file may be gathered several times (see `emit.moved`), mostly from the same texts.
parsed = lru_cache(maxsize=500)(Parsed)


class PythonText:
    """A Python text, as bytes and as lines, with its syntax tree and its scopes.

    `starts` are the positions where the lines begin. Positions count bytes from the text's start.
    """

    def __init__(self, text: str):
        self.text, self.data, self.starts = text, text.encode(), [0]
        for line in self.data.splitlines(keepends=True):
            self.starts.append(self.starts[-1] + len(line))
        self.lines = [line.decode() for line in self.data.splitlines()]
        self.parsed = parsed(text)
        self.tree = self.parsed.tree

    @property
    def scopes(self) -> Scopes:
        return self.parsed.scopes

    @property
    def parents(self) -> dict[ast.AST, ast.AST]:
        """The node around each node of the tree."""
        return self.parsed.parents

    def is_inside(self, node: ast.AST, kinds: type | tuple[type, ...]) -> bool:
        """Return True if a node around `node` is of one of `kinds`."""
        while node in self.parents:
            node = self.parents[node]
            if isinstance(node, kinds):
                return True
        return False

    def start(self, node: PlacedNode) -> int:
        """Return the position of a node's first byte."""
        return self.starts[node.lineno - 1] + node.col_offset

    def end(self, node: PlacedNode) -> int:
        """Return the position after a node's last byte."""
        assert node.end_col_offset is not None  # `ast.parse` always sets it
        return self.starts[last_line(node) - 1] + node.end_col_offset

    def segment(self, node: PlacedNode) -> str:
        """Return the text of a node."""
        return self.data[self.start(node) : self.end(node)].decode()


class Edits:
    """Replacements in a text, collected and then made together.

    `changes` maps (start, end) to the text that replaces the bytes from `start` up to `end`.
    """

    def __init__(self, source: PythonText):
        self.source = source
        self.changes: dict[tuple[int, int], str] = {}

    def replace(self, node: PlacedNode, new: str) -> None:
        """Record `new` as the text of a node, in place of any changes inside the node."""
        self.change(self.source.start(node), self.source.end(node), new)

    def change(self, start: int, end: int, new: str) -> None:
        """Record `new` as the text from `start` to `end`, in place of any changes inside."""
        for s, e in [span for span in self.changes if start <= span[0] and span[1] <= end]:
            del self.changes[s, e]
        self.changes[start, end] = new

    def of(self, node: PlacedNode) -> str:
        """Return the text of a node with its changes made."""
        return self.between(self.source.start(node), self.source.end(node))

    def between(self, start: int, end: int) -> str:
        """Return the text from `start` to `end` with its changes made."""
        data = self.source.data[start:end]
        inside = [(s, e, new) for (s, e), new in self.changes.items() if start <= s and e <= end]
        for s, e, new in sorted(inside, reverse=True):
            data = data[: s - start] + new.encode() + data[e - start :]
        return data.decode()

    def apply(self) -> str:
        """Return the whole text with all changes made."""
        return self.between(0, len(self.source.data))


def first_line(node: ast.stmt) -> int:
    """Return the number of a statement's first line, which may be that of a decorator."""
    return min([node.lineno, *(d.lineno for d in getattr(node, "decorator_list", []))])


def last_line(node: PlacedNode) -> int:
    """Return the number of a node's last line."""
    assert node.end_lineno is not None  # `ast.parse` always sets it
    return node.end_lineno


def span_after(pattern: bytes, data: bytes, start: int, group: int = 0) -> tuple[int, int]:
    """Return start and end of a group of `pattern`, which must match `data` at `start`."""
    match = re.compile(pattern).match(data, start)
    assert match is not None, data[start : start + 40]
    return match.span(group)
