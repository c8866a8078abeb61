"""The base class of every map in a spec whose keys are fixed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, ClassVar, NoReturn, Self

from pydantic import BaseModel, ConfigDict, PrivateAttr, ValidationError
from pydantic_core import InitErrorDetails, PydanticCustomError

from ganspec.language.errors import LONGEST_QUOTE
from ganspec.language.tree import Node


class FrozenMap(dict[str, Any]):
    """A field's map that cannot change: any attempt raises the exception `error(value, key)`."""

    def __init__(self, values: dict[str, Any], error: Callable[[object, str], Exception]):
        super().__init__(values)
        self.error = error

    def __setitem__(self, key: str, value: object) -> NoReturn:
        raise self.error(value, key)

    def __delitem__(self, key: str) -> NoReturn:
        raise self.error(None, key)

    def pop(self, key: str, *default: object) -> NoReturn:
        raise self.error(None, key)

    def popitem(self) -> NoReturn:
        raise self.error(None, next(iter(self)))

    def clear(self) -> None:
        for key in self:
            raise self.error(None, key)

    def setdefault(self, key: str, default: object = None) -> NoReturn:
        raise self.error(default, key)

    def update(self, *values: Any, **more: Any) -> None:
        for key, value in dict(*values, **more).items():
            raise self.error(value, key)

    def __ior__(self, values: Any) -> Self:  # type: ignore[override,misc]
        self.update(values)
        return self

    def __reduce__(self) -> tuple[type[dict], tuple[dict[str, Any]]]:
        return dict, (dict(self),)


class Section(BaseModel):
    """A map of the spec as a frozen object. The map's keys are its fields; no others are valid.

    `framework_defaults` maps a framework, such as `keras`, to defaults that differ from torch's.
    """

    # `defer_build`: a validator is made when it is first used, since most specs use few of them
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, defer_build=True)

    framework_defaults: ClassVar[dict[str, dict[str, object]]] = {}
    spec_keys: ClassVar[set[str]]  # the keys of a spec whose values are instances of this class

    _unread: tuple[str, ...] = PrivateAttr(())

    @property
    def unread(self) -> tuple[str, ...]:
        """The names of the fields that are `unknown` in the spec, whose values are stand-ins."""
        return self._unread

    @property
    def is_unread(self) -> bool:
        """True if the whole section or kind is `unknown`."""
        return "" in self._unread

    def __init_subclass__(cls, **_: object) -> None:
        super().__init_subclass__()
        cls.spec_keys = set()

    def model_post_init(self, context: Any, /) -> None:
        """Freeze the maps of fields, which pydantic does not."""
        super().model_post_init(context)
        for name, value in self.__dict__.items():
            if isinstance(value, dict):
                self.__dict__[name] = FrozenMap(value, partial(self._frozen, name))

    def __setattr__(self, name: str, value: object) -> None:
        if name in type(self).model_fields:
            raise self._frozen(name, value)
        super().__setattr__(name, value)

    def __delattr__(self, name: str) -> None:
        if name in type(self).model_fields:
            raise self._frozen(name, None)
        super().__delattr__(name)

    def _frozen(self, name: str, value: object, key: str | None = None) -> ValidationError:
        """Return the error for a change of the field `name`; its message says what to call instead.

        If the field is a map, `key` is the entry that was to be changed.
        """
        path, shown = self._path_of(name), repr(value)
        path += f".{key}" if path and key is not None else ""
        shown = shown if len(shown) <= LONGEST_QUOTE else "..."
        call = f'"{path}", {shown}' if path else '"train.batch", 32'
        context = {"call": f"`spec.with_values({call})`"}
        message = "a spec is frozen: {call} returns another spec with the value"
        error = PydanticCustomError("frozen_instance", message, context)
        details = InitErrorDetails(type=error, loc=(name,), input=value)
        return ValidationError.from_exception_data(type(self).__name__, [details])

    def _path_of(self, name: str) -> str:
        """Return the key path of a field in specs; `""` if it is not the same in all specs."""
        (key,) = self.spec_keys if len(self.spec_keys) == 1 else ("",)
        return key and f"{key}.{name}"

    def with_unread(self, names: Iterable[str]) -> Self:
        """Remember the names of the fields that are `unknown`, and return this section.

        The name `""` stands for the whole section.
        """
        self._unread = tuple(names)
        return self

    @classmethod
    def opened(cls, node: Node) -> Node:
        """Return the map of fields that `node` is short for; `node` itself if it is no short form.

        Sections with a short form override this method.
        """
        return node

    @classmethod
    def defaults(cls, framework: str = "torch") -> dict[str, object]:
        """Return the default of each field under `framework`; `PydanticUndefined` if required."""
        own = {name: field.default for name, field in cls.model_fields.items()}
        return own | cls.framework_defaults.get(framework, {})

    def changed(self, framework: str = "torch") -> dict[str, object]:
        """Return the fields whose values differ from their defaults under `framework`, by name."""
        pairs = (
            (name, getattr(self, name), usual) for name, usual in self.defaults(framework).items()
        )
        return {name: value for name, value, usual in pairs if value != usual}
