"""The base class of every map in a spec whose keys are fixed."""

from __future__ import annotations

from typing import ClassVar

from pydantic import BaseModel, ConfigDict

from ganspec.language.tree import Node


class Section(BaseModel):
    """A map of the spec, frozen; a key that is not a field is an error.

    `framework_defaults` maps a framework, such as `keras`, to defaults that differ from torch's.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    framework_defaults: ClassVar[dict[str, dict[str, object]]] = {}

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
