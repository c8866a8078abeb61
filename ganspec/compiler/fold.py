"""Numbers in place of the names that stand for them, and what is computed from them alone."""

from __future__ import annotations

import ast
import operator

from ganspec.compiler.known import Edits

OPERATORS = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Pow: operator.pow,
}
CALLS = {"min": min, "max": max}
LARGEST = 2**53


def fold(text: str, numbers: dict[str, int | float]) -> str:
    """Return `text` with numbers in place of the names in it, and of what they alone tell.

    `2**18 // (64 * 64)` becomes 64, where a name stood for one of the numbers.
    """
    if not any(name in text for name in numbers):
        return text
    edits = Edits(text)
    _fold(ast.parse(text), numbers, edits)
    return edits.made()


def _fold(node: ast.AST, numbers: dict[str, int | float], edits: Edits) -> None:
    for child in ast.iter_child_nodes(node):
        names = {n.id for n in ast.walk(child) if isinstance(n, ast.Name)}
        value = _value(child, numbers) if names & set(numbers) else None
        if isinstance(child, ast.JoinedStr):  # the places of what is in it are not reliable
            start, end = edits.start(child), edits.end(child)
            shown = edits.between(start, end)
            for name in names & set(numbers):
                shown = shown.replace(name, repr(numbers[name]))
            edits.outer(start, end, shown)
        elif value is None:
            _fold(child, numbers, edits)
        else:
            held = isinstance(node, ast.Attribute) or (value < 0 and isinstance(node, ast.expr))
            edits.replace(child, f"({value!r})" if held else repr(value))


def _value(node: ast.AST, numbers: dict[str, int | float]) -> int | float | None:
    """Return the number that an expression is; None where it is no number, or not known."""
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
                made = OPERATORS[type(op)](a, b)
            except (ZeroDivisionError, OverflowError):
                return None  # left for the text itself to raise
            return made if abs(made) < LARGEST else None
        case ast.Call(func=ast.Name(id=name), args=[_, _, *_] as given, keywords=[]):
            values = [_value(each, numbers) for each in given]
            return CALLS[name](values) if name in CALLS and None not in values else None
    return None
