"""Types for the fields of sections and kinds, such as `Width` and `Padding`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    Field,
    PlainSerializer,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)
from pydantic_core import PydanticCustomError

from ganspec.language.expr import Width as _Width
from ganspec.language.fields import Matches
from ganspec.language.names import WHOLE, name_problem


def _keep_width(value: object, check: ValidatorFunctionWrapHandler) -> _Width:
    # pydantic turns int subclasses into plain ints, which would lose the expression's text
    plain = check(value)
    return value if isinstance(value, _Width) else _Width(plain)


def refusal(code: str, message: str, help: str | None = None) -> PydanticCustomError:
    """Return an exception that a pydantic validator can raise, and that becomes a diagnostic."""
    context = {"code": code, "message": message, "help": help}
    return PydanticCustomError("refusal", "{message}", context)


def _check_name(name: str) -> str:
    if problem := name_problem(name):
        raise refusal("bad-name", *problem)
    return name


def _check_single(value: float) -> float:
    if abs(value) > 3.4e38:  # torch would refuse it in the middle of a training
        help = "write a number from -3.4e38 to 3.4e38"
        raise refusal("out-of-range", f"{value:g} does not fit into single precision", help)
    return value


def _check_path(path: str) -> str:
    if not path.isprintable():
        raise refusal("bad-value", "a path holds characters that cannot be seen", "remove them")
    return path


Whole = Annotated[int, WrapValidator(_keep_width), PlainSerializer(int)]
"""A whole number of any sign that remembers its expression."""

Width = Annotated[int, Field(gt=0, le=1_000_000), WrapValidator(_keep_width), PlainSerializer(int)]
"""A positive whole number, or an expression over `vars`: `8 * ch`."""

Count = Annotated[int, Field(gt=0, le=1_000_000_000)]
Size = Annotated[int, Field(gt=0, le=8192)]
Fraction = Annotated[float, Field(ge=0, lt=1)]
Weight = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False), AfterValidator(_check_single)]
Number = Annotated[float, Field(allow_inf_nan=False), AfterValidator(_check_single)]
Name = Annotated[str, AfterValidator(_check_name), Matches(WHOLE)]
"""A name that is valid in Python and for a file."""

Doc = Annotated[str, Field(max_length=2000)]
"""A text of at most 2,000 characters."""

PathText = Annotated[str, Field(min_length=1, max_length=1000), AfterValidator(_check_path)]

Pair = Size | tuple[Size, Size]
"""One number for height and width, or `[height, width]`."""

Padding = (
    Literal["same", "valid"]
    | Annotated[int, Field(ge=0, le=8192)]
    | tuple[Annotated[int, Field(ge=0, le=8192)], Annotated[int, Field(ge=0, le=8192)]]
)


def pair(value: int | tuple[int, int]) -> tuple[int, int]:
    """Return `value` as (height, width)."""
    return value if isinstance(value, tuple) else (value, value)
