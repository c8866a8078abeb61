"""The base class of specs: each system, such as a GAN, has a subclass."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, ClassVar, Self

from pydantic import AfterValidator, ConfigDict, Field, PrivateAttr

from ganspec.language.registry import BASES, base_of
from ganspec.language.section import Section
from ganspec.language.tree import Node
from ganspec.language.types import Doc, Name, refusal
from ganspec.language.unread import Unread


class Document(Section):
    """A whole spec. A subclass with `system="gan"` registers itself as the system `gan`.

    `networks` are the keys of the system's networks. A spec without networks belongs to the system
    that is `standard`.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True)

    networks: ClassVar[tuple[str, ...]]
    systems: ClassVar[dict[str, type[Document]]] = {}
    standard: ClassVar[bool] = False

    tree: Node = Field(exclude=True, repr=False, description="the marked text of the spec")

    _gaps: tuple[Unread, ...] = PrivateAttr(())

    @property
    def gaps(self) -> tuple[Unread, ...]:
        """The parts that are `unknown`, in the order of the text."""
        return self._gaps

    def with_gaps(self, gaps: Iterable[Unread]) -> Self:
        """Remember the parts that are `unknown`. Return the spec."""
        self._gaps = tuple(gaps)
        return self

    def __init_subclass__(cls, **_: object) -> None:
        super().__init_subclass__()  # takes `system`, which the method below reads

    @classmethod
    def __pydantic_init_subclass__(cls, system: str | None = None, **_: object) -> None:
        if system is not None:
            cls.systems[system] = cls


BASES["system"] = Document


def systems() -> tuple[type[Document], ...]:
    """Return the spec class of each system, the standard system first."""
    base = base_of("system")
    assert issubclass(base, Document)
    return tuple(sorted(base.systems.values(), key=lambda system: not system.standard))


def _check_distinct(names: tuple[str, ...]) -> tuple[str, ...]:
    twice = [name for i, name in enumerate(names) if name in names[:i]]
    if twice:
        raise refusal("duplicate-name", f"`{twice[0]}` is given twice", "rename one of the two")
    return names


class Signature(Section):
    """A block's fields except `layers`."""

    doc: Doc = ""
    params: Annotated[tuple[Name, ...], AfterValidator(_check_distinct)] = ()
