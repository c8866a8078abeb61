"""The base of every map of a spec that has fields."""

from __future__ import annotations

from typing import ClassVar

from pydantic import BaseModel, ConfigDict

from ganspec.language.tree import Node


class Section(BaseModel):
    """A map of the spec, frozen; a key that is not a field is an error.

    `framework_defaults` are the fields whose defaults another framework sets differently, by the
    framework's name.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    framework_defaults: ClassVar[dict[str, dict[str, object]]] = {}

    @classmethod
    def opened(cls, node: Node) -> Node:
        """Return the section's full form, where it also has a short one."""
        return node
