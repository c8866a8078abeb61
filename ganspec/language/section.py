"""The base class of every map in a spec whose keys are fixed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar, Self

from pydantic import BaseModel, ConfigDict, PrivateAttr

from ganspec.language.tree import Node


class Section(BaseModel):
    """A map of the spec, frozen; a key that is not a field is an error.

    `framework_defaults` maps a framework, such as `keras`, to defaults that differ from torch's.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    framework_defaults: ClassVar[dict[str, dict[str, object]]] = {}

    _unread: tuple[str, ...] = PrivateAttr(())

    @property
    def unread(self) -> tuple[str, ...]:
        """Names of the fields that are `unknown` in the spec; their values only stand in."""
        return self._unread

    @property
    def is_unread(self) -> bool:
        """True if the whole section or kind is `unknown`."""
        return "" in self._unread

    def with_unread(self, names: Iterable[str]) -> Self:
        """Remember the fields that are `unknown`, `""` for all of them. Return the section."""
        self._unread = tuple(names)
        return self

    @classmethod
    def opened(cls, node: Node) -> Node:
        """Return `node` as a map of fields; a section with a short form overrides this."""
        return node

    @classmethod
    def defaults(cls, framework: str = "torch") -> dict[str, object]:
        """Return the default of each field under `framework`."""
        own = {name: field.default for name, field in cls.model_fields.items()}
        return own | cls.framework_defaults.get(framework, {})

    def changed(self, framework: str = "torch") -> dict[str, object]:
        """Return the fields that are not at their defaults under `framework`."""
        pairs = (
            (name, getattr(self, name), usual) for name, usual in self.defaults(framework).items()
        )
        return {name: value for name, value, usual in pairs if value != usual}
