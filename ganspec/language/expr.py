"""Arithmetic in specs: `8 * ch`, evaluated over a scope of names and never with `eval`."""

from __future__ import annotations

import ast
import keyword
import operator
import re
from collections.abc import Mapping

from ganspec.language.errors import suggestion

MAX_CHARACTERS = 200
MAX_VALUE = 2**31 - 1
IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)

OPERATORS = {
    ast.Add: (operator.add, "+", 1),
    ast.Sub: (operator.sub, "-", 1),
    ast.Mult: (operator.mul, "*", 2),
    ast.FloorDiv: (operator.floordiv, "//", 2),
    ast.Div: (operator.truediv, "/", 2),
    ast.Mod: (operator.mod, "%", 2),
}


class ExpressionError(ValueError):
    """A bad expression, with the span of its smallest bad part as offsets into the text."""

    def __init__(self, code: str, message: str, start: int, end: int, help: str | None = None):
        super().__init__(message)
        self.code, self.message, self.start, self.end, self.help = (
            code,
            message,
            start,
            end,
            help,
        )


class Width(int):
    """A whole number that remembers the expression it came from, as Python text.

    Arithmetic with other whole numbers keeps the text: `Width(64, "ch") * 4` is 256 and prints
    as `ch * 4`, so that emitted classes stay symbolic. `level` is how tightly the text's
    loosest operator binds (1 sum, 2 product, 3 a name or a number).
    """

    text: str
    level: int

    def __new__(cls, value: int, text: str | None = None, level: int = 3) -> Width:
        self = super().__new__(cls, value)
        self.text, self.level = (str(int(value)), 3) if text is None else (text, level)
        return self

    def __getnewargs__(self) -> tuple:
        return int(self), self.text, self.level

    @property
    def symbolic(self) -> bool:
        """Whether any name stands in the text."""
        return bool(IDENTIFIER.search(self.text))

    def names(self) -> list[str]:
        """The names in the text, in order, each once."""
        return list(dict.fromkeys(IDENTIFIER.findall(self.text)))

    def _join(self, kind: type[ast.operator], left: int, right: int) -> Width:
        function, sign, level = OPERATORS[kind]
        left = left if isinstance(left, Width) else Width(left)
        right = right if isinstance(right, Width) else Width(right)
        value = function(int(left), int(right))
        if not (left.symbolic or right.symbolic):
            return Width(value)
        # a pure sum or product associates, so parentheses on its right would say nothing
        flat = kind in (ast.Add, ast.Mult) and not re.search(r"[-/%]", right.text)
        a = left.text if left.level >= level else f"({left.text})"
        b = right.text if right.level >= level + (not flat) else f"({right.text})"
        return Width(value, f"{a} {sign} {b}", level)

    def __add__(self, other: int) -> Width:
        return self._join(ast.Add, self, other) if other else self

    def __radd__(self, other: int) -> Width:
        return self._join(ast.Add, other, self) if other else self

    def __sub__(self, other: int) -> Width:
        return self._join(ast.Sub, self, other)

    def __mul__(self, other: int) -> Width:
        return self._join(ast.Mult, self, other) if other != 1 else self

    def __rmul__(self, other: int) -> Width:
        return self._join(ast.Mult, other, self) if other != 1 else self

    def __floordiv__(self, other: int) -> Width:
        return self._join(ast.FloorDiv, self, other) if other != 1 else self


def is_identifier(name: object) -> bool:
    """Whether `name` may be used as a name in a spec and in emitted Python."""
    return (
        isinstance(name, str)
        and len(name) <= 40
        and IDENTIFIER.fullmatch(name) is not None
        and not keyword.iskeyword(name)
        and not name.startswith("__")
    )


def evaluate(text: str, scope: Mapping[str, int | float]) -> Width | float:
    """The value of `text`: a `Width` where it is whole, else a float.

    Raises ExpressionError for anything but numbers, names of the scope and + - * / // %.
    """
    if len(text) > MAX_CHARACTERS:
        raise ExpressionError(
            "bad-expression",
            f"expression of {len(text)} characters is longer than {MAX_CHARACTERS}",
            0,
            len(text),
        )
    try:
        tree = ast.parse(text.strip(), mode="eval")
    except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
        at = max(0, (getattr(error, "offset", 1) or 1) - 1)
        raise ExpressionError(
            "bad-expression",
            f"`{text}` is not an expression",
            min(at, max(0, len(text) - 1)),
            max(1, len(text)),
            "write arithmetic over numbers and names, such as `8 * ch`",
        ) from None
    return _value(tree.body, scope)


def _value(node: ast.expr, scope: Mapping[str, int | float]) -> Width | float:
    match node:
        case ast.Constant(value=bool() | str() | bytes() | complex() | None):
            raise _refuse(node, "only numbers and names may stand in an expression")
        case ast.Constant(value=int() | float() as number):
            return _checked(node, Width(number) if isinstance(number, int) else number)
        case ast.Name(id=name):
            return _name(node, name, scope)
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            value = _value(operand, scope)
            return Width(-value, f"-{value.text}", 2) if isinstance(value, Width) else -value
        case ast.BinOp(left=left, op=op, right=right) if type(op) in OPERATORS:
            return _operation(node, type(op), _value(left, scope), _value(right, scope))
    raise _refuse(node, "only + - * / // % and parentheses may stand in an expression")


def _operation(node: ast.expr, kind: type[ast.operator], left, right) -> Width | float:
    if kind in (ast.Div, ast.FloorDiv, ast.Mod) and right == 0:
        raise _refuse(node, "division by zero")
    if isinstance(left, Width) and isinstance(right, Width):
        if kind is not ast.Div:
            return _checked(node, left._join(kind, left, right))
        if int(left) % int(right) == 0:  # `ch / 2` of an even width is a width
            return _checked(node, left._join(ast.FloorDiv, left, right))
    return _checked(node, OPERATORS[kind][0](float(left), float(right)))


def _name(node: ast.Name, name: str, scope: Mapping[str, int | float]) -> Width | float:
    if name not in scope:
        message = f"unknown name `{name}`"
        help = suggestion(name, scope, "known names") if scope else "define it under `vars`"
        raise ExpressionError(
            "unknown-name", message, node.col_offset, node.end_col_offset or 0, help
        )
    value = scope[name]
    if isinstance(value, Width):
        return value
    return Width(value, name) if isinstance(value, int) else value


def _checked(node: ast.expr, value: Width | float) -> Width | float:
    if not -MAX_VALUE <= value <= MAX_VALUE:  # also refuses NaN
        raise _refuse(node, f"value is beyond {MAX_VALUE}")
    return value


def _refuse(node: ast.expr, message: str) -> ExpressionError:
    return ExpressionError("bad-expression", message, node.col_offset, node.end_col_offset or 0)
