"""Families of kinds: the family `layer` has kinds such as `conv`.

A kind is a pydantic class; its fields are the keys that a spec may write for it.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import ClassVar, Self, TypeVar

from pydantic import PrivateAttr

from ganspec.language.errors import Mark
from ganspec.language.registry import BASES, PACKAGES, base_of
from ganspec.language.section import Section
from ganspec.language.tree import MapNode, Node

Result = TypeVar("Result")


class Kind(Section):
    """Base class of kinds: `class Conv(Layer, kind="conv")` registers `conv` in its family.

    `primary` is the field that gets a value without a field's name: `conv: 64` means
    `conv: {out: 64}`. It is None if such a value is an error.
    """

    family: ClassVar[str]
    kind: ClassVar[str]
    primary: ClassVar[str | None] = None
    kinds: ClassVar[dict[str, type[Kind]]]

    _mark: Mark | None = PrivateAttr(None)
    _path: str = PrivateAttr("")

    def __init_subclass__(cls, **_: object) -> None:
        super().__init_subclass__()  # without `kind` and `family`, which the method below reads

    @classmethod
    def __pydantic_init_subclass__(
        cls, kind: str | None = None, family: str | None = None, **_: object
    ) -> None:
        if family is not None:
            # a family's base class, whose subclasses share `kinds`
            cls.family, cls.kinds = family, {}
            BASES[family] = cls
        if kind is not None:
            package = PACKAGES.get(cls.family)
            if package and not cls.__module__.startswith(f"{package}."):
                base_of(cls.family)  # loads ganspec's own kinds, so that their names are taken
            if kind in cls.kinds and not cls._is_run_again(cls.kinds[kind]):
                what = f"{cls.family} kind `{kind}` is already defined in"
                raise TypeError(f"{what} {cls.kinds[kind].__module__}; choose another `kind=`")
            cls.kind = kind
            cls.kinds[kind] = cls
        if not cls.__module__.startswith("ganspec."):
            cls.model_rebuild(raise_errors=False)  # else errors come at the first use

    @classmethod
    def _is_run_again(cls, other: type[Kind]) -> bool:
        """Return True if a notebook has defined `other` by the class statement that defines `cls`.

        A cell that is run again defines its classes again, in the module `__main__`.
        """
        names = (cls.__module__, cls.__qualname__)
        return names == (other.__module__, other.__qualname__) and cls.__module__ == "__main__"

    @classmethod
    def opened(cls, node: Node) -> Node:
        """Return the value of a kind's key as a map of fields: `64` as `{out: 64}`.

        If the key has no value, the map is empty. A map does not change, nor does any other value
        if the kind has no primary field.
        """
        if node.value is None:
            return node.holding({})
        if isinstance(node, MapNode) or cls.primary is None:
            return node
        return node.holding({cls.primary: node.as_value()})

    def place(self, path: str, mark: Mark | None) -> Self:
        """Remember the key path and the place where the spec names this kind. Return the kind."""
        self._path, self._mark = path, mark
        return self

    @classmethod
    def members(cls) -> dict[str, type[Kind]]:
        """Return the family's kinds by name.

        A family that is made of the kinds of other families overrides this method.
        """
        return cls.kinds

    @property
    def key_path(self) -> str:
        """Key path in the spec, such as `generator.layers.3`; `""` if it was not read from one."""
        return self._path

    @property
    def mark(self) -> Mark | None:
        """Place where the spec names this kind; None if it was not read from a spec."""
        return self._mark

    @property
    def is_own(self) -> bool:
        """True if the kind is a user's own, not one of ganspec's."""
        return not type(self).__module__.startswith("ganspec.")

    @property
    def known_as(self) -> str:
        """The kind's name and, if it is a user's own, its file: `mine (kinds.py)`."""
        file = getattr(sys.modules.get(type(self).__module__), "__file__", None)
        return f"{self.kind} ({Path(file).name})" if self.is_own and file else self.kind

    def _path_of(self, name: str) -> str:
        return self.key_path and f"{self.key_path}.{self.kind}.{name}"

    @classmethod
    def summary(cls) -> str:
        """Return the docstring's first paragraph on one line."""
        return inspect.cleandoc(cls.__doc__ or "").split("\n\n")[0].replace("\n", " ")


def within(part: object) -> Iterator[Kind]:
    """Yield every kind in a spec or a part of it, each before the kinds in it."""
    if isinstance(part, Kind):
        yield part
    if isinstance(part, Section):
        for name in type(part).model_fields:
            yield from within(getattr(part, name))
    elif isinstance(part, tuple | dict):
        for each in part.values() if isinstance(part, dict) else part:
            yield from within(each)


def kinds_of(family: str) -> dict[str, type[Kind]]:
    """Return every kind of `family` by name, importing the family's package the first time."""
    base = base_of(family)
    assert issubclass(base, Kind), family
    return base.members()


def cached_by_kinds(family: str) -> Callable[[Callable[[], Result]], Callable[[], Result]]:
    """Return a decorator that caches a result until `family` gets a kind or changes one."""

    def decorate(function: Callable[[], Result]) -> Callable[[], Result]:
        kept = cache(lambda kinds: function())
        return lambda: kept(tuple(kinds_of(family).items()))

    return decorate
