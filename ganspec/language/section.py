"""What every map of a spec is."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from ganspec.language.tree import Node


class Section(BaseModel):
    """A map of the spec: frozen, and nothing in it that is not a field."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    @classmethod
    def opened(cls, node: Node) -> Node:
        """The section's full form, where it also has a short one."""
        return node
