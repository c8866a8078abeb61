"""Arithmetic in specs, such as `8 * ch`: parsed and checked, never run with `eval`."""

from __future__ import annotations

import ast
import operator
import re
import warnings
from collections.abc import Mapping
from typing import TypeAlias

from ganspec.language.errors import quoted, suggestion
from ganspec.language.names import IDENTIFIER

MAX_CHARACTERS = 200  # in an expression
MAX_VALUE = 2**31 - 1  # largest number or result in an expression; the smallest is its negative
ALLOWED = "only numbers, names, parentheses and + - * / // % may stand in an expression"

OPERATORS = {  # function, sign and precedence
    ast.Add: (operator.add, "+", 1),
    ast.Sub: (operator.sub, "-", 1),
    ast.Mult: (operator.mul, "*", 2),
    ast.FloorDiv: (operator.floordiv, "//", 2),
    ast.Div: (operator.truediv, "/", 2),
    ast.Mod: (operator.mod, "%", 2),
}


class Unknown:
    """The value of a name whose definition is wrong, or of a block's parameter without a value."""


UNKNOWN = Unknown()


class ExpressionError(ValueError):
    """Raised for a wrong expression, whose wrong part is `text[start:end]`."""

    def __init__(self, code: str, message: str, start: int, end: int, help: str | None = None):
        super().__init__(message)
        self.code, self.message, self.help = code, message, help
        self.start, self.end = start, max(end, start + 1)


class UnknownValueError(Exception):
    """Raised for an expression with a name whose value is `UNKNOWN`."""


class Width(int):
    """A whole number that remembers the expression it came from, as Python text.

    Sums and products with whole numbers keep it: `Width(64, "ch") * 4` is 256 with the text
    `ch * 4`, so that emitted classes keep the name. `level` is the precedence of the text's
    loosest operator: 1 for a sum, 2 for a product, 3 for a name or a number.
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
        """True if the text contains a name, such as `ch`."""
        return bool(IDENTIFIER.search(self.text))

    def names(self) -> list[str]:
        """Return the names in the text, each once, in order of first use."""
        return list(dict.fromkeys(IDENTIFIER.findall(self.text)))

    def _join(self, kind: type[ast.operator], left: int, right: int) -> Width:
        """Return the result of `left` `kind` `right`, with its text; a side may be a plain int."""
        function, sign, level = OPERATORS[kind]
        first = left if isinstance(left, Width) else Width(left)
        second = right if isinstance(right, Width) else Width(right)
        value = function(int(first), int(second))
        if not (first.symbolic or second.symbolic):
            return Width(value)
        # a + (b + c) equals a + b + c, so the right side needs no parentheses; same for products
        flat = kind in (ast.Add, ast.Mult) and not re.search(r"[-/%]", second.text)
        a = first.text if first.level >= level else f"({first.text})"
        b = second.text if second.level >= level + (not flat) else f"({second.text})"
        return Width(value, f"{a} {sign} {b}", level)

    def __neg__(self) -> Width:
        text = self.text if self.level == 3 else f"({self.text})"
        return Width(-int(self), f"-{text}", 2) if self.symbolic else Width(-int(self))

    def __add__(self, other: int) -> Width:
        return self._with(ast.Add, other, neutral=0)

    def __radd__(self, other: int) -> Width:
        return self if other == 0 else self._join(ast.Add, other, self)

    def __sub__(self, other: int) -> Width:
        return self._with(ast.Sub, other, neutral=0)

    def __mul__(self, other: int) -> Width:
        return self._with(ast.Mult, other, neutral=1)

    def __rmul__(self, other: int) -> Width:
        return self if other == 1 else self._join(ast.Mult, other, self)

    def __floordiv__(self, other: int) -> Width:
        return self._with(ast.FloorDiv, other, neutral=1)

    def _with(self, kind: type[ast.operator], other: int, neutral: int) -> Width:
        """Return the result of `self` `kind` `other`; `self` if `other` is the number `neutral`."""
        if not isinstance(other, int):
            return NotImplemented
        if other == neutral and not getattr(other, "symbolic", False):
            return self
        return self._join(kind, self, other)


Names: TypeAlias = Mapping[str, int | float | Unknown]


def evaluate(text: str, scope: Names) -> Width | float:
    """Return the value of `text`: a `Width` if it and all its parts are whole, else a float.

    Raises ExpressionError unless `text` is arithmetic with numbers, names of the scope, parentheses
    and + - * / // %, and also if it is too long, if it divides by zero, or if a value exceeds
    MAX_VALUE. Raises UnknownValueError if the value of a name is UNKNOWN.
    """
    if len(text) > MAX_CHARACTERS:
        message = f"an expression of {len(text)} characters"
        help = f"at most {MAX_CHARACTERS} are allowed"
        raise ExpressionError("bad-expression", message, 0, len(text), help)
    try:
        body = _parsed(re.sub(r"\s", " ", text).strip())
        names = [node for node in ast.walk(body) if isinstance(node, ast.Name)]
        for node in sorted(names, key=lambda node: node.col_offset):
            _check_name(node, scope)
        if any(scope[node.id] is UNKNOWN for node in names):
            raise UnknownValueError
        return _value(body, scope)
    except RecursionError:
        message = f"{quoted(text)} is nested too deep"
        raise ExpressionError("bad-expression", message, 0, len(text)) from None


def whole_vars(text: str, scope: Names, variables: Names) -> dict[str, int]:
    """Return those `variables` in `text` that are floats without a fraction, as ints by name.

    Return {} if `text` would not become a whole number with these ints.
    """
    found = {
        name: int(value)
        for name in IDENTIFIER.findall(text)
        # a parameter or a name of a repeat may hide the variable
        if isinstance(value := scope.get(name), float) and value is variables.get(name)
        if value.is_integer()
    }
    return found if isinstance(evaluate(text, {**scope, **found}), int) else {}


def _parsed(text: str) -> ast.expr:
    """Return the syntax tree of `text`. Raises ExpressionError if it is no ASCII expression."""
    help = "write arithmetic over numbers and names, such as `8 * ch`"
    if not text.isascii():  # Python would accept letters of any script in names
        start = next(i for i, c in enumerate(text) if not c.isascii())
        message = f"`{text[start]}` cannot stand in an expression"
        raise ExpressionError("bad-expression", message, start, start + 1, help)
    try:
        # Python warns of texts such as `1if`, which are refused anyway
        with warnings.catch_warnings(action="ignore"):
            return ast.parse(text, mode="eval").body
    except (SyntaxError, ValueError, MemoryError) as error:
        at = (getattr(error, "offset", None) or 1) - 1
        start = at if at < len(text) else 0
        message = f"{quoted(text)} is not an expression"
        raise ExpressionError("bad-expression", message, start, len(text), help) from None


def _check_name(node: ast.Name, scope: Names) -> None:
    if node.id in scope:
        return
    names = [name for name in scope if IDENTIFIER.fullmatch(name)]
    help = suggestion(node.id, names, "known names") if names else "define it under `vars`"
    message = f"unknown name `{node.id}`"
    raise ExpressionError("unknown-name", message, node.col_offset, node.end_col_offset or 0, help)


def _value(node: ast.expr, scope: Names) -> Width | float:
    match node:
        case ast.Constant(value=bool() | str() | bytes() | complex() | None):
            raise _refuse(node, ALLOWED)
        case ast.Constant(value=int() | float() as number):
            return _checked(node, Width(number) if isinstance(number, int) else number)
        case ast.Name(id=name):
            value = scope[name]
            assert not isinstance(value, Unknown)  # `evaluate` has raised for these
            return Width(value, name) if type(value) is int else value
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_value(operand, scope)
        case ast.UnaryOp(op=ast.UAdd(), operand=operand):
            return _value(operand, scope)
        case ast.BinOp(left=left, op=op, right=right) if type(op) in OPERATORS:
            return _operation(node, type(op), _value(left, scope), _value(right, scope))
    raise _refuse(node, ALLOWED)


def _operation(
    node: ast.expr, kind: type[ast.operator], left: Width | float, right: Width | float
) -> Width | float:
    if kind in (ast.Div, ast.FloorDiv, ast.Mod) and right == 0:
        raise _refuse(node, "division by zero")
    if isinstance(left, Width) and isinstance(right, Width):
        if kind is not ast.Div:
            return _checked(node, left._join(kind, left, right))
        if int(left) % int(right) == 0:  # `ch / 2` of an even width is a width
            return _checked(node, left._join(ast.FloorDiv, left, right))
    return _checked(node, OPERATORS[kind][0](float(left), float(right)))


def _checked(node: ast.expr, value: Width | float) -> Width | float:
    if not -MAX_VALUE <= value <= MAX_VALUE:  # also refuses NaN
        raise _refuse(node, f"the value is not between -{MAX_VALUE} and {MAX_VALUE}")
    return value


def _refuse(node: ast.expr, message: str) -> ExpressionError:
    """Return an error that marks the part `node` of an expression."""
    return ExpressionError("bad-expression", message, node.col_offset, node.end_col_offset or 0)
