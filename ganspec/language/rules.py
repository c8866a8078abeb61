"""Rules: conditions over the losses of a training step, such as `g_loss * 1.5 < d_loss`."""

from __future__ import annotations

import ast
import operator
from collections.abc import Mapping
from typing import Any, TypeAlias

from ganspec.language.errors import listed

Value: TypeAlias = Any  # a number or a tensor, both of which do arithmetic and compare

MAX_CHARACTERS = 200  # in a rule
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
    """Raised for a text that is not a rule; `help` says what to write instead."""

    def __init__(self, message: str, help: str):
        super().__init__(message)
        self.help = help


class Rule:
    """The condition `text` as a function of losses, whose values it takes in the order of `names`.

    `source` is the Python text of the function, called `name`, with the docstring `doc`. Raises
    RuleError unless `text` is a comparison of arithmetic over `names` and numbers, or several
    joined by `and`, `or` and `not`, with a name in each comparison.
    """

    def __init__(self, text: str, name: str, doc: str, names: tuple[str, ...]):
        self.names, self.__name__ = names, name
        self._test = _parse(text, names)
        self.source = (
            f"def {name}({', '.join(names)}):\n"
            f'    """{doc}"""\n'
            f"    return {ast.unparse(self._test)}\n"
        )

    def __call__(self, *losses: Value) -> Value:
        return _value(self._test, dict(zip(self.names, losses, strict=True)))


def _parse(text: str, names: tuple[str, ...]) -> ast.expr:
    """Return the syntax tree of a rule. Raises RuleError if `text` is not a rule over `names`."""
    example = f"write a comparison, such as `{names[1]} * 1.5 < {names[0]}`"
    if len(text) > MAX_CHARACTERS:
        raise RuleError(f"a rule of {len(text)} characters", "write a shorter one")
    try:
        test = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise RuleError(f"`{text}` is no rule", example) from None
    _check_condition(test, names, example)
    return test


def _check_condition(node: ast.expr, names: tuple[str, ...], example: str) -> None:
    match node:
        case ast.BoolOp(values=parts):
            for part in parts:
                _check_condition(part, names, example)
        case ast.UnaryOp(op=ast.Not(), operand=part):
            _check_condition(part, names, example)
        case ast.Compare(left=left, ops=[op], comparators=[right]) if type(op) in COMPARISONS:
            _check_arithmetic(left, names, example)
            _check_arithmetic(right, names, example)
            if not any(isinstance(part, ast.Name) for part in ast.walk(node)):
                raise RuleError(f"`{ast.unparse(node)}` compares no losses", example)
        case ast.Compare(ops=[_, _, *_]):
            help = "write two comparisons, with `and` between them"
            raise RuleError(f"`{ast.unparse(node)}` is more than one comparison", help)
        case _:
            raise RuleError(f"`{ast.unparse(node)}` is no comparison by <, <=, > or >=", example)


def _check_arithmetic(node: ast.expr, names: tuple[str, ...], example: str) -> None:
    match node:
        case ast.UnaryOp(op=ast.USub(), operand=part):
            parts = [part]
        case ast.BinOp(op=ast.Div(), right=ast.Constant(value=0)):
            raise RuleError(f"`{ast.unparse(node)}` divides by zero", example)
        case ast.BinOp(left=left, op=op, right=right) if type(op) in ARITHMETIC:
            if not any(isinstance(part, ast.Name) for part in ast.walk(node)):
                raise RuleError(f"`{ast.unparse(node)}` reads no loss", "write its value")
            parts = [left, right]
        case ast.Name(id=name):
            if name not in names:
                raise RuleError(f"no loss is called `{name}`", f"a rule reads {listed(names)}")
            parts = []
        case ast.Constant(value=int() | float() as value) if not isinstance(value, bool):
            if not abs(value) < 1e30:
                raise RuleError(f"{value:g} is too large for a rule", example)
            parts = []
        case _:
            raise RuleError(f"`{ast.unparse(node)}` cannot stand in a rule", example)
    for part in parts:
        _check_arithmetic(part, names, example)


def _value(node: ast.expr, losses: Mapping[str, Value]) -> Value:
    match node:
        case ast.Name(id=name):
            return losses[name]
        case ast.Constant(value=value):
            return value
        case ast.UnaryOp(op=op, operand=part):
            operand = _value(part, losses)
            return not operand if isinstance(op, ast.Not) else -operand
        case ast.Compare(left=left, ops=[op], comparators=[right]):
            return COMPARISONS[type(op)](_value(left, losses), _value(right, losses))
        case ast.BoolOp(op=op, values=parts):
            values = (_value(part, losses) for part in parts)
            return any(values) if isinstance(op, ast.Or) else all(values)
        case ast.BinOp(left=left, op=op, right=right):
            return ARITHMETIC[type(op)](_value(left, losses), _value(right, losses))
    raise AssertionError(ast.dump(node))
