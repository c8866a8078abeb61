"""The base class of specs, which has a subclass for each system, such as a GAN."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Annotated, Any, ClassVar, Self

from pydantic import AfterValidator, ConfigDict, Field, PrivateAttr

from ganspec.language.registry import BASES, base_of
from ganspec.language.section import Section
from ganspec.language.tree import Node
from ganspec.language.types import Doc, Name, refusal
from ganspec.language.unread import Unread
from ganspec.language.views import Viewed


class Document(Section, Viewed):
    """A whole spec. A subclass with `system="gan"` registers itself as the system `gan`.

    `networks` are the keys of the system's networks. A spec that has no network of any system
    describes the one system whose class sets `standard` to True.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True)

    view: ClassVar = "spec"
    networks: ClassVar[tuple[str, ...]]
    systems: ClassVar[dict[str, type[Document]]] = {}
    standard: ClassVar[bool] = False

    tree: Node = Field(exclude=True, repr=False, description="the spec's text, with places")

    _gaps: tuple[Unread, ...] = PrivateAttr(())
    _change: Callable[[Self, dict[str, Any]], Self] = PrivateAttr()

    @property
    def gaps(self) -> tuple[Unread, ...]:
        """The fields that are `unknown`; one in a repeat or a block may be there several times."""
        return self._gaps

    def with_gaps(self, gaps: Iterable[Unread], change: Callable) -> Self:
        """Remember the fields that are `unknown`, and how to make a changed spec. Return this spec.

        `with_values` returns `change(spec, {path: value, ...})`.
        """
        self._gaps, self._change = tuple(gaps), change
        return self

    def with_values(self, path: str | Mapping[str, object], *value: object) -> Self:
        """Return a spec with another value at a key path, or with several: `{path: value, ...}`.

            spec.with_values("train.batch", 32)
            spec.with_values({"vars.ch": 16, "data.dataset": {"shapes": {"count": 256}}})

        A path is keys and, for entries of lists, indexes from 0, joined by dots. A value is a
        number, a text, True, False, a list or a dict of such values, or None, which removes the
        key. All expressions are evaluated again. This spec does not change. Raises SpecError, whose
        `diagnostics` list the mistakes, and TypeError for arguments of another form.
        """
        if isinstance(path, Mapping) == bool(value) or len(value) > 1:
            raise TypeError('with_values takes a path and a value, or a dict: {"train.batch": 32}')
        return self._change(self, dict(path) if isinstance(path, Mapping) else {path: value[0]})

    def _path_of(self, name: str) -> str:
        return name

    def __init_subclass__(cls, **_: object) -> None:
        super().__init_subclass__()  # without `system`, which the method below reads

    @classmethod
    def __pydantic_init_subclass__(cls, system: str | None = None, **_: object) -> None:
        if system is None:
            return
        cls.systems[system] = cls
        for key, field in cls.model_fields.items():
            if isinstance(field.annotation, type) and issubclass(field.annotation, Section):
                field.annotation.spec_keys.add(key)


BASES["system"] = Document


def systems() -> tuple[type[Document], ...]:
    """Return the spec class of each system: the standard system, then the others by name."""
    base_of("system")  # imports the systems, which register themselves
    return tuple(sorted(Document.systems.values(), key=lambda s: (not s.standard, s.__name__)))


def _check_distinct(names: tuple[str, ...]) -> tuple[str, ...]:
    twice = [name for i, name in enumerate(names) if name in names[:i]]
    if twice:
        raise refusal("duplicate-name", f"`{twice[0]}` is given twice", "rename one of the two")
    return names


class Signature(Section):
    """The fields of a block in a spec, except `layers`."""

    doc: Doc = ""
    params: Annotated[tuple[Name, ...], AfterValidator(_check_distinct)] = ()
