"""Field types that specs share."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, PlainSerializer, WrapValidator

from ganspec.language.expr import Width as _Width
from ganspec.language.expr import is_identifier


def _keep_width(value, check):
    # pydantic turns int subclasses into plain ints, which would lose the expression's text
    plain = check(value)
    return value if isinstance(value, _Width) else _Width(plain)


def _check_identifier(name: str) -> str:
    if not is_identifier(name):
        raise ValueError(f"`{name}` is not a plain name")
    return name


Width = Annotated[int, Field(gt=0, le=1_000_000), WrapValidator(_keep_width), PlainSerializer(int)]
"""A positive whole number, or an expression over `vars`: `8 * ch`."""

Count = Annotated[int, Field(gt=0, le=1_000_000_000)]
Size = Annotated[int, Field(gt=0, le=8192)]
Fraction = Annotated[float, Field(ge=0, lt=1)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Number = Annotated[float, Field(allow_inf_nan=False)]
Name = Annotated[str, AfterValidator(_check_identifier)]
Pair = Size | tuple[Size, Size]
"""One number for height and width, or `[height, width]`."""

Padding = (
    Literal["same", "valid"]
    | Annotated[int, Field(ge=0, le=8192)]
    | tuple[Annotated[int, Field(ge=0, le=8192)], Annotated[int, Field(ge=0, le=8192)]]
)


def pair(value: int | tuple[int, int]) -> tuple[int, int]:
    """`value` as (height, width)."""
    return value if isinstance(value, tuple) else (value, value)
