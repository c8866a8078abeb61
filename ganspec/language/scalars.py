"""Scalars and lists of a spec as their annotations ask; numbers may be expressions."""

from __future__ import annotations

import typing
from typing import TYPE_CHECKING

from ganspec.language.annotations import describe, leaves, literals, options, words
from ganspec.language.errors import quoted, suggestion
from ganspec.language.expr import ExpressionError, UnknownValueError, evaluate
from ganspec.language.tree import Node

if TYPE_CHECKING:
    from ganspec.language.resolve import Resolver

YAML_1_1_WORDS = {
    "yes": "true",
    "on": "true",
    "y": "true",
    "no": "false",
    "off": "false",
    "n": "false",
}
MISSING = object()  # in place of a value that is wrong or cannot be known


def read_data(resolver: Resolver, annotation: object, node: Node, name: str) -> object:
    """Plain data; a text where a number belongs is an expression."""
    allowed = set(leaves(annotation))
    if isinstance(node.value, list):
        if not any(typing.get_origin(o) is tuple for o in options(annotation)):
            return resolver.wrong(node, f"`{name}` is {describe(annotation)}")
        found = [read_data(resolver, annotation, child, name) for child in node.value]
        return MISSING if any(value is MISSING for value in found) else tuple(found)
    if isinstance(node.value, dict):
        return resolver.wrong(node, f"`{name}` is {describe(annotation)}")
    real = float in allowed and int not in allowed
    if not isinstance(node.value, str) or node.value in words(annotation) or str in allowed:
        whole = isinstance(node.value, int) and not isinstance(node.value, bool)
        return _real(node.value) if whole and real else node.value
    if bool in allowed and (meant := YAML_1_1_WORDS.get(node.value.lower())):
        message = f"{quoted(node.value)} is a word, not true or false"
        resolver.report("wrong-type", message, node.mark, f"write `{meant}`")
        return MISSING
    if not {int, float} & allowed:
        return node.value
    return _number(resolver, node, name, literals(annotation), real)


def _number(resolver: Resolver, node: Node, name: str, values: list[object], real: bool) -> object:
    """The value of an expression, or MISSING."""
    try:
        value = evaluate(node.value, resolver.scope)
        return float(value) if real else value
    except UnknownValueError:
        return MISSING
    except ExpressionError as error:
        if error.code == "unknown-name" and not resolver.names_known:
            return MISSING
        if values and node.value.isidentifier():
            help = suggestion(node.value, map(str, values), "values")
            message = f"`{name}` cannot be {quoted(node.value)}"
            resolver.report("unknown-value", message, node.mark, help)
        else:
            mark = node.mark.within(node.value, error.start, error.end)
            resolver.report(error.code, error.message, mark, error.help)
        return MISSING


def _real(value: int) -> float:
    try:
        return float(value)
    except OverflowError:
        return float("inf") if value > 0 else float("-inf")
