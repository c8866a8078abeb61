"""What the models' annotations say of the YAML: which kinds, sections, words and numbers."""

from __future__ import annotations

import types
import typing
from collections.abc import Iterator

from pydantic import BaseModel

from ganspec.language.kinds import Kind, kinds_of
from ganspec.language.tree import KeyPath


def options(annotation: object) -> Iterator[object]:
    """The members of a union, or the annotation itself; `Annotated` opened."""
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        for option in typing.get_args(annotation):
            yield from options(option)
    elif typing.get_origin(annotation) is typing.Annotated:
        yield from options(typing.get_args(annotation)[0])
    else:
        yield annotation


def leaves(annotation: object) -> Iterator[object]:
    """The types of the scalars in plain data: lists and literals opened."""
    for option in options(annotation):
        arguments = typing.get_args(option)
        if typing.get_origin(option) is tuple:
            for argument in arguments:
                yield from leaves(argument)
        elif typing.get_origin(option) is typing.Literal:
            yield from {type(value) for value in arguments if not isinstance(value, str)}
        else:
            yield option


def literals(annotation: object) -> list[object]:
    """The values that may be written as they are."""
    found = [o for o in options(annotation) if typing.get_origin(o) is typing.Literal]
    return [value for option in found for value in typing.get_args(option)]


def words(annotation: object) -> list[str]:
    """The words that may be written as they are."""
    return [value for value in literals(annotation) if isinstance(value, str)]


def accepts_none(annotation: object) -> bool:
    return type(None) in options(annotation)


def family(annotation: object) -> str | None:
    """The family of which one kind is chosen."""
    classes = (o for o in options(annotation) if isinstance(o, type) and issubclass(o, Kind))
    return next((option.family for option in classes), None)


def many(annotation: object) -> str | None:
    """The family of which a list of kinds is given."""
    lists = (o for o in options(annotation) if typing.get_origin(o) is tuple)
    return next(filter(None, (family(typing.get_args(option)[0]) for option in lists)), None)


def section(annotation: object) -> type[BaseModel] | None:
    """The class of a map with fields of its own."""
    for option in options(annotation):
        if isinstance(option, type) and issubclass(option, BaseModel):
            return option
    return None


def sections(annotation: object) -> type[BaseModel] | None:
    """The class of the maps of which a list is given."""
    lists = (o for o in options(annotation) if typing.get_origin(o) is tuple)
    inner = (section(typing.get_args(option)[0]) for option in lists)
    return next((cls for cls in inner if cls and not issubclass(cls, Kind)), None)


def mapping(annotation: object) -> tuple[object, object] | None:
    """The annotations of the keys and values of a map whose keys the spec chooses."""
    maps = (o for o in options(annotation) if typing.get_origin(o) is dict)
    return next((typing.get_args(option) for option in maps), None)


def entry(annotation: object, index: int) -> object:
    """The annotation of one entry of a list."""
    lists = [o for o in options(annotation) if typing.get_origin(o) is tuple]
    arguments = typing.get_args(lists[0]) if lists else (annotation,)
    return arguments[0 if Ellipsis in arguments else min(index, len(arguments) - 1)]


def fields_of(cls: type[BaseModel]) -> dict[str, object]:
    """A model's fields by the names that a spec writes."""
    fields = cls.model_fields.items()
    return {f.alias or name: f for name, f in fields if not f.exclude}


def shape_of(root: type[BaseModel], path: KeyPath) -> object:
    """What stands at `path` below a section: a family, the class of a map's fields, or None."""
    at: object = root
    for part in path:
        if isinstance(at, str) and isinstance(part, str):
            at = kinds_of(at).get(part)
        elif isinstance(at, tuple) and isinstance(part, int):
            (at,) = at
        elif isinstance(at, type) and (field := fields_of(at).get(part)):
            layers = many(field.annotation)
            one = family(field.annotation) or section(field.annotation)
            at = (layers,) if layers else one
        else:
            return None
    return None if isinstance(at, tuple) else at


def describe(annotation: object) -> str:
    """What a field takes, in words."""
    names = {int: "a whole number", float: "a number", bool: "true or false", str: "a text"}
    found = []
    for option in options(annotation):
        arguments = [a for a in typing.get_args(option) if a is not Ellipsis]
        if option in names:
            found.append(names[option])
        elif typing.get_origin(option) is typing.Literal:
            found += [f"`{value}`" for value in arguments]
        elif typing.get_origin(option) is tuple:
            found.append(_describe_list(option, arguments))
        elif typing.get_origin(option) is dict or isinstance(option, type):
            found += ["a map"] if option is not type(None) else []
    found = list(dict.fromkeys(found)) or ["something else"]
    if "a number" in found:  # whole numbers are numbers
        found = [words for words in found if words != "a whole number"]
    return found[0] if len(found) == 1 else f"{', '.join(found[:-1])} or {found[-1]}"


def _describe_list(option: object, arguments: list[object]) -> str:
    of = "numbers" if {int, float} & set(leaves(option)) else "values"
    if str in leaves(option):
        of = "texts"
    endless = Ellipsis in typing.get_args(option)
    return f"a list of {of}" if endless else f"a list of {len(arguments)} {of}"
