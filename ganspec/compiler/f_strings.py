"""Take f-strings apart, and write them with other fields."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import TypeAlias

FieldTexts: TypeAlias = dict[ast.FormattedValue, str]


def spec_of(field: ast.FormattedValue) -> list[ast.expr]:
    """Return the parts of the format after a field's `:`; [] without one."""
    return field.format_spec.values if isinstance(field.format_spec, ast.JoinedStr) else []


def fields_in(parts: list[ast.expr]) -> Iterator[ast.FormattedValue]:
    """Yield the fields of an f-string, and those of their formats."""
    for part in parts:
        if isinstance(part, ast.FormattedValue):
            yield part
            yield from fields_in(spec_of(part))


def filled(node: ast.JoinedStr, shown: FieldTexts, made: FieldTexts) -> ast.expr:
    """Return a new f-string, with the texts `shown` in place of their fields.

    The other fields show the expressions whose texts are in `made`. If no fields are left, return a
    plain string.
    """
    parts: list[ast.expr] = []
    for part in node.values:
        if isinstance(part, ast.FormattedValue):
            if part in shown:
                part = ast.Constant(shown[part])
            else:
                value, spec = ast.parse(made[part], mode="eval").body, part.format_spec
                if isinstance(spec, ast.JoinedStr):
                    spec = ast.JoinedStr([filled(spec, shown, made)])
                part = ast.FormattedValue(value, part.conversion, spec)
        parts.append(part)
    texts = [part.value for part in parts if isinstance(part, ast.Constant)]
    if len(texts) == len(parts):
        return ast.Constant("".join(map(str, texts)))
    return ast.JoinedStr(parts)
