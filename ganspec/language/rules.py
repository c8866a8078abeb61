"""Conditions over a step's losses: `g_loss * 1.5 < d_loss`, never evaluated as Python."""

from __future__ import annotations

import ast
import operator
from collections.abc import Mapping

MAX_CHARACTERS = 200
ARITHMETIC = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}
COMPARISONS = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}


class RuleError(ValueError):
    """A text that is no rule; `help` says what would be."""

    def __init__(self, message: str, help: str):
        super().__init__(message)
        self.help = help


class Rule:
    """A condition over named losses, called with them in the order of `names`.

    `source` is a Python function of the same meaning, made of nothing but the names, numbers and
    whitelisted operators. Raises RuleError for any other text.
    """

    __module__ = "ganspec.language.rules"  # of instances too, which stand for functions

    def __init__(self, text: str, name: str, doc: str, names: tuple[str, ...]):
        self.names, self.__name__ = names, name
        self._test = _parse(text, names)
        self.source = (
            f"def {name}({', '.join(names)}):\n"
            f'    """{doc}"""\n'
            f"    return {ast.unparse(self._test)}\n"
        )

    def __call__(self, *losses: object) -> object:
        return _value(self._test, dict(zip(self.names, losses, strict=True)))


def _parse(text: str, names: tuple[str, ...]) -> ast.expr:
    example = f"write a comparison, such as `{names[1]} * 1.5 < {names[0]}`"
    if len(text) > MAX_CHARACTERS:
        raise RuleError(f"a rule of {len(text)} characters", "write a shorter one")
    try:
        test = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise RuleError(f"`{text}` is no rule", example) from None
    if not isinstance(test, (ast.Compare, ast.BoolOp)) and not _is_not(test):
        raise RuleError(f"`{text}` is neither true nor false", example)
    _check(test, names, example)
    return test


def _is_not(node: ast.expr) -> bool:
    return isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not)


def _check(node: ast.expr, names: tuple[str, ...], example: str) -> None:
    """Refuse whatever is not on the list."""
    match node:
        case ast.BoolOp(values=parts):
            pass
        case ast.UnaryOp(op=ast.Not() | ast.USub(), operand=part):
            parts = [part]
        case ast.Compare(left=left, ops=[op], comparators=[right]) if type(op) in COMPARISONS:
            parts = [left, right]
        case ast.BinOp(left=left, op=op, right=right) if type(op) in ARITHMETIC:
            parts = [left, right]
        case ast.Name(id=name):
            if name not in names:
                known = " and ".join(f"`{n}`" for n in names)
                raise RuleError(f"no loss is called `{name}`", f"a rule reads {known}")
            parts = []
        case ast.Constant(value=int() | float() as value) if not isinstance(value, bool):
            if not abs(value) < 1e30:
                raise RuleError(f"{value:g} is too large for a rule", example)
            parts = []
        case _:
            shown = ast.unparse(node)
            raise RuleError(f"`{shown}` cannot stand in a rule", example)
    for part in parts:
        _check(part, names, example)


def _value(node: ast.expr, losses: Mapping[str, object]) -> object:
    """What a checked expression is, as Python would have it."""
    match node:
        case ast.Name(id=name):
            return losses[name]
        case ast.Constant(value=value):
            return value
        case ast.UnaryOp(op=op, operand=part):
            value = _value(part, losses)
            return not value if isinstance(op, ast.Not) else -value
        case ast.Compare(left=left, ops=[op], comparators=[right]):
            return COMPARISONS[type(op)](_value(left, losses), _value(right, losses))
        case ast.BoolOp(op=op, values=parts):
            values = (_value(part, losses) for part in parts)
            return any(values) if isinstance(op, ast.Or) else all(values)
        case ast.BinOp(left=left, op=op, right=right):
            return ARITHMETIC[type(op)](_value(left, losses), _value(right, losses))
    raise AssertionError(ast.dump(node))
