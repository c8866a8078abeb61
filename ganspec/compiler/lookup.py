"""Lookup: from a function or class in memory to its definition."""

from __future__ import annotations

import ast
import inspect
import linecache
import sys
import textwrap
from collections.abc import Callable
from types import CodeType
from typing import Any

from ganspec.compiler.definitions import (
    HOMES,
    Binding,
    Definition,
    Home,
    UnmovableError,
    Values,
    home_of_module,
)
from ganspec.compiler.python_text import first_line, last_line


def home_of(thing: Callable[..., Any]) -> Home:
    """Return the home of a function or class, which need not be importable by its name."""
    thing = inspect.unwrap(thing)
    namespace: Values | None = getattr(thing, "__globals__", None)
    name = thing.__module__
    if name in sys.modules and namespace in (None, vars(sys.modules[name])):
        return home_of_module(name)
    if namespace is None:  # of a class: its methods'
        methods = (getattr(m, "__globals__", None) for m in vars(thing).values())
        namespace = next((n for n in methods if n is not None), {})
    file = namespace.get("__file__") or ""
    source = "".join(linecache.getlines(file)) if file else ""
    if not source:
        raise UnmovableError(f"`{thing.__name__}`, whose text is nowhere")
    known = HOMES.get(file)
    if known is None or known.namespace is not namespace:
        HOMES[file] = Home(name, namespace, source)
    return HOMES[file]


def definition_of(thing: Callable[..., Any], name: str = "") -> Binding:
    """Return where a function or class comes from; a lambda gets the name `name`."""
    if not hasattr(thing, "__qualname__"):
        raise UnmovableError(f"{thing!r}, which is neither a function nor a class")
    home = home_of(thing)
    for own in [thing.__qualname__] + [k for k, v in home.namespace.items() if v is thing]:
        value: Any = home.namespace.get(own)
        if own in home.bindings and inspect.unwrap(value) is inspect.unwrap(thing):
            if binding := home.find(own):
                return binding
    code = getattr(thing, "__code__", None)
    key = f"{thing.__qualname__}:{code.co_firstlineno if code else ''}"
    binding = home.known.get(key)
    if binding is None or getattr(thing, "__closure__", None):
        binding = home.known[key] = _nested(thing, home, name)
    return binding


def _nested(thing: Callable[..., Any], home: Home, name: str) -> Definition:
    """Return a function that is defined inside another or in a class, or as a lambda."""
    source, code = home.parsed, getattr(thing, "__code__", None)
    text = ""
    for node in ast.walk(source.tree) if code else ():
        if isinstance(node, ast.Lambda):
            if thing.__name__ == "<lambda>" and _is_of(source.segment(node), node, code):
                inner = source.segment(node.body)
                text = f"def {name}({ast.unparse(node.args)}):\n    return ({inner})\n"
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            if node.name == thing.__name__ and first_line(node) == code.co_firstlineno:
                lines = source.lines[node.lineno - 1 : last_line(node)]
                text = textwrap.dedent("\n".join(lines)) + "\n"
        if text:
            cells = dict(inspect.getclosurevars(thing).nonlocals)
            return Definition(home, text, (name or thing.__name__,), cells)
    raise UnmovableError(f"`{thing.__name__}`, whose text is nowhere")


def _is_of(text: str, node: ast.Lambda, code: CodeType) -> bool:
    """Return True if a lambda's node is the one that was compiled to `code`."""
    if not node.lineno <= code.co_firstlineno <= last_line(node):
        return False
    return compile(f"({text})", "", "eval").co_consts[0].co_code == code.co_code
