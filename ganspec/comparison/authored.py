"""Find out which fields of a spec its author wrote, and which have defaults."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

from ganspec.language.errors import Mark
from ganspec.language.kinds import Kind
from ganspec.language.section import Section
from ganspec.language.tree import KeyPath, ListNode, MapNode, Node, ScalarNode, find
from ganspec.systems.spec import Spec
from ganspec.systems.wording import phrase, spoken


class Authored:
    """A spec and its text, to look up the fields that the author wrote."""

    def __init__(self, spec: Spec):
        self.spec = spec

    @cached_property
    def _bodies(self) -> dict[Mark, Node]:
        return dict(_bodies(self.spec.tree))

    def wrote(self, owner: Section, name: str, path: KeyPath) -> bool:
        """Return True if the author wrote the field `name` of `owner`.

        A section is found by its key path `path` in the text, a kind by its own place. Return False
        for a kind that the text does not name.
        """
        if not isinstance(owner, Kind):
            section = find(self.spec.tree, path)
            return isinstance(section, MapNode) and name in section.value
        body = self._bodies.get(owner.mark) if owner.mark else None
        if body is None:
            return False
        section = owner.opened(body)
        alias = type(owner).model_fields[name].alias or name
        return isinstance(section, MapNode) and alias in section.value


def _bodies(node: Node) -> Iterator[tuple[Mark, Node]]:
    """Yield the place of each word that may name a kind, and the node of this kind's fields."""
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


class AuthoredPair:
    """Two specs with their texts, to describe differing values and their causes."""

    def __init__(self, a: Spec, b: Spec):
        self.a, self.b = Authored(a), Authored(b)

    def values(self, a: object, b: object) -> tuple[str | None, str | None]:
        """Return a value of spec A and one of spec B as texts, None for None.

        The text of a kind leaves out fields that have the defaults of its spec's framework; if this
        makes both texts equal, it leaves out those that have torch's defaults instead.
        """
        full = [None if value is None else spoken(value) for value in (a, b)]
        brief = [
            phrase(value, side.spec.framework) if isinstance(value, Kind) else text
            for value, side, text in zip((a, b), (self.a, self.b), full, strict=True)
        ]
        before, after = full if brief[0] == brief[1] else brief
        return before, after

    def frameworks(self, name: str, a: Section, b: Section, path: KeyPath = ()) -> tuple[str, ...]:
        """Return the frameworks whose defaults make the field `name` of `a` and `b` differ.

        The values of the field must differ. Return () if the specs have the same framework, or if
        the difference has another reason. `path` is the key path of `a` and `b` if they are
        sections; for kinds it does not matter.
        """
        if self.a.spec.framework == self.b.spec.framework:
            return ()
        unwritten = [
            (owner, side.spec.framework)
            for side, owner in ((self.a, a), (self.b, b))
            if not side.wrote(owner, name, path)
        ]
        if any(
            name in owner.framework_defaults.get(framework, {}) for owner, framework in unwritten
        ):
            return tuple(framework for _, framework in unwritten)
        return ()
