"""Constant folding: write numbers in place of names and of arithmetic on them."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable
from typing import TypeAlias

from ganspec.compiler.python_text import Edits, PythonText

Number: TypeAlias = int | float
OPERATORS: dict[type[ast.operator], Callable[[Number, Number], Number]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Pow: operator.pow,
}
CALLS: dict[str, Callable[[list[Number]], Number]] = {"min": min, "max": max}
LARGEST = 2**53  # results from here on are not computed, since floats skip whole numbers there


def fold(text: str, numbers: dict[str, Number]) -> str:
    """Return `text` with `numbers` in place of their names, and arithmetic on them computed.

    `2**18 // (HEIGHT * WIDTH)` becomes 64 if HEIGHT and WIDTH are 64. A division by zero stays, and
    so does arithmetic in an f-string, or whose result or exponent is too large; but the names in it
    become numbers.
    """
    if not any(name in text for name in numbers):
        return text
    edits = Edits(PythonText(text))
    _fold(edits.source.tree, numbers, edits)
    return edits.apply()


def _fold(node: ast.AST, numbers: dict[str, Number], edits: Edits) -> None:
    """Record in `edits` the new texts of the expressions inside `node`."""
    for child in ast.iter_child_nodes(node):
        names = {n.id for n in ast.walk(child) if isinstance(n, ast.Name)} & set(numbers)
        value = _value(child, numbers) if names and isinstance(child, ast.expr) else None
        if isinstance(child, ast.JoinedStr):
            # before Python 3.12, `ast` gives wrong columns inside an f-string
            text = edits.of(child)
            for name in names:
                text = text.replace(name, repr(numbers[name]))
            edits.replace(child, text)
        elif value is None or not isinstance(child, ast.expr):
            _fold(child, numbers, edits)
        else:
            loose = isinstance(node, ast.Attribute) or (value < 0 and isinstance(node, ast.expr))
            edits.replace(child, f"({value!r})" if loose else repr(value))


def _value(node: ast.expr, numbers: dict[str, Number]) -> Number | None:
    """Return the number that an expression makes, or None if the expression must stay."""
    match node:
        case ast.Constant(value=int() | float() as value) if not isinstance(value, bool):
            return value
        case ast.Name(id=name, ctx=ast.Load()):
            return numbers.get(name)
        case ast.BinOp(left=left, op=op, right=right) if type(op) in OPERATORS:
            a, b = _value(left, numbers), _value(right, numbers)
            if a is None or b is None or (isinstance(op, ast.Pow) and abs(b) > 64):
                return None
            try:
                result = OPERATORS[type(op)](a, b)
            except (ZeroDivisionError, OverflowError):
                return None  # left for the emitted code to raise
            return result if abs(result) < LARGEST else None
        case ast.Call(func=ast.Name(id=name), args=[_, _, *_] as parts, keywords=[]):
            values = [v for v in (_value(part, numbers) for part in parts) if v is not None]
            return CALLS[name](values) if name in CALLS and len(values) == len(parts) else None
    return None
