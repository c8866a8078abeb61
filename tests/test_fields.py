"""Tables of fields against pydantic: two readings of the same annotations must agree."""

from __future__ import annotations

from typing import Annotated

import pytest
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from ganspec.language.document import Document, systems
from ganspec.language.errors import Mark, Text
from ganspec.language.fields import LIMITS, Limit, field_type, fields_of
from ganspec.language.kinds import kinds_of
from ganspec.language.registry import PACKAGES
from ganspec.language.scope import MISSING, Scope
from ganspec.language.section import Section
from ganspec.language.tree import Node, node_of

VALUES = [
    *(None, True, False, 0, 1, -1, 2, 3, 64, 8192, 8193, 65537, 10**7, 2**63, 10**10),
    *(0.0, 0.5, 1.0, -0.25, 2.5, 1e-8, 3e38, float("inf"), float("nan")),
    *("same", "valid", "classes", "no_such_word", "x" * 201, "x" * 2001, ""),
    *([], [1], [1, 2], [3, 0], [0.5, 0.999], [-1.0, 1.0], [1, 2, 3], [1, 2, 3, 4], [None, 1]),
    *(["a"], ["a", "b"], [True, 1], [[1, 2], [3, 4]], [-1, 4, 4], [0.0, 1.0]),
]
MARK = Mark(Text("spec.yaml", ("x",)), 1, 1, 2)


def models() -> list[type[Section]]:
    """Return every kind, every system and every section below one."""
    found: list[type[Section]] = list(systems())
    for family in PACKAGES:
        found += [] if family == "system" else kinds_of(family).values()
    for model in found:
        for field in fields_of(model).values():
            for below in (field.type.section, field.type.sections):
                if below and below not in found:
                    found.append(below)
    return found


def tree(value: object) -> Node:
    inner = [tree(each) for each in value] if isinstance(value, list) else value
    return node_of(inner, MARK)


def plain_fields() -> list:
    """Return the fields of plain data of every model, each annotation with its metadata."""
    cases = []
    for model in models():
        for field in fields_of(model).values():
            kind = field.type
            data = not (kind.family or kind.families or kind.section or kind.sections or kind.map)
            if data and (kind.scalars or kind.literals or kind.lists):
                name = f"{model.__module__}.{model.__name__}.{field.name}"
                cases.append(pytest.param(model, field, id=name.removeprefix("ganspec.")))
    return cases


def accepted_by_pydantic(model: type[BaseModel], attribute: str, value: object) -> bool:
    info = model.model_fields[attribute]
    whole = Annotated[info.annotation, *info.metadata] if info.metadata else info.annotation
    adapter = TypeAdapter(whole, config=ConfigDict(strict=True))
    try:
        adapter.validate_python(tuples(value))
    except ValidationError as error:
        # refusals of the model's own functions come after, and are no part of the table
        return all(item["type"] == "refusal" for item in error.errors())
    return True


def tuples(value: object) -> object:
    return tuple(map(tuples, value)) if isinstance(value, list) else value


@pytest.mark.parametrize(("model", "field"), plain_fields())
def test_table_accepts_what_pydantic_accepts(model, field):
    for value in VALUES:
        scope = Scope("torch")
        if (
            isinstance(value, str)
            and str not in field.type.pythons
            and value not in field.type.words
        ):
            continue  # an expression, which is none of pydantic's business
        read = scope.data(field.type, tree(value), field.name)
        assert (read is MISSING) == bool(scope.diagnostics)
        expected = accepted_by_pydantic(model, field.attribute, value)
        if value in field.type.literals and not field.type.is_literal(value):
            expected = False  # to pydantic `true` is 1; a spec means another thing
        assert (read is not MISSING) == expected, (value, scope.diagnostics)


def test_bounds_are_those_of_the_annotation():
    from pydantic import Field

    kind = field_type(Annotated[int, Field(gt=0, le=5)] | None)
    assert kind.null and kind.scalars[0].limits == (Limit("gt", 0), Limit("le", 5))
    assert [str(Limit(relation, 0.5)) for relation in LIMITS] == [
        "at least 0.5",
        "more than 0.5",
        "at most 0.5",
        "less than 0.5",
    ]


def test_every_system_has_a_table():
    for system in systems():
        assert issubclass(system, Document)
        fields = fields_of(system)
        assert "tree" not in fields and fields["data"].required
        assert all(field.name == name for name, field in fields.items())
