"""What the author of a spec wrote, and what the spec's framework settled in its place."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

from pydantic import BaseModel

from ganspec.language.errors import Mark
from ganspec.language.kinds import Kind
from ganspec.language.tree import KeyPath, ListNode, MapNode, Node, ScalarNode, find
from ganspec.systems.spec import Spec
from ganspec.systems.wording import phrase, spoken


class Authored:
    """The text of a spec, asked for what stands in it."""

    def __init__(self, spec: Spec):
        self.spec = spec

    @cached_property
    def _bodies(self) -> dict[Mark, Node]:
        return dict(_bodies(self.spec.tree))

    def wrote(self, owner: BaseModel, name: str, path: KeyPath) -> bool:
        """Whether the text gives the field `name` of a kind, or of the section at `path`."""
        if not isinstance(owner, Kind):
            section = find(self.spec.tree, path)
            return isinstance(section, MapNode) and name in section.value
        body = self._bodies.get(owner.mark)
        if body is None:
            return False
        given = owner.opened(body)
        alias = type(owner).model_fields[name].alias or name
        return isinstance(given, MapNode) and alias in given.value

    def default(self, owner: BaseModel, name: str, path: KeyPath) -> str | None:
        """The framework whose default holds for the field; None where the author wrote it."""
        return None if self.wrote(owner, name, path) else self.spec.framework


def _bodies(node: Node) -> Iterator[tuple[Mark, Node]]:
    """What stands behind every word of the text that may choose a kind, by the word's place."""
    if isinstance(node, MapNode):
        for child in node.value.values():
            if child.key_mark:
                yield child.key_mark, child
            yield from _bodies(child)
    elif isinstance(node, ListNode):
        for child in node.value:
            yield from _bodies(child)
    elif isinstance(node.value, str):
        yield node.mark, ScalarNode(None, node.mark, node.mark)


class Both:
    """Two specs' texts: what their fields say, and why one of them differs."""

    def __init__(self, a: Spec, b: Spec):
        self.a, self.b = Authored(a), Authored(b)

    def texts(self, a: object, b: object) -> tuple[str | None, str | None]:
        """Values of both as texts; a kind without what its own framework settles.

        Where that would leave two values alike, they are told in full.
        """
        pairs = ((a, self.a.spec.framework), (b, self.b.spec.framework))
        full = [None if value is None else spoken(value) for value, _ in pairs]
        brief = [
            phrase(value, framework) if isinstance(value, Kind) else text
            for (value, framework), text in zip(pairs, full, strict=True)
        ]
        return tuple(full if brief[0] == brief[1] else brief)

    def frameworks(
        self, name: str, a: BaseModel, b: BaseModel, path: KeyPath = ()
    ) -> tuple[str, ...]:
        """The frameworks whose defaults make the field differ; none where the authors do."""
        own = (self.a.spec.framework, self.b.spec.framework)
        if own[0] == own[1]:
            return ()
        found = (self.a.default(a, name, path), self.b.default(b, name, path))
        pairs = zip((a, b), found, strict=True)
        settled = any(
            name in getattr(type(owner), "framework_defaults", {}).get(framework, {})
            for owner, framework in pairs
            if framework
        )
        return tuple(filter(None, found)) if settled else ()
