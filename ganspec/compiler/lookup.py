"""Find the text, or the import, that defines a function or class."""

from __future__ import annotations

import ast
import inspect
import linecache
import sys
import textwrap
from collections.abc import Callable, Iterator
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
from ganspec.compiler.python_text import PythonText, first_line, last_line
from ganspec.language.rules import Rule

METHOD_HELP = "write it as a function at the top level of the file, with its fields as arguments"


def home_of(thing: Callable[..., Any]) -> Home:
    """Return the `Home` of a function or class, even if its module is not in `sys.modules`.

    Raise UnmovableError if the text of the file cannot be found.
    """
    thing = inspect.unwrap(thing)
    namespace: Values | None = getattr(thing, "__globals__", None)
    name = thing.__module__
    if name in sys.modules and namespace in (None, vars(sys.modules[name])):
        return home_of_module(name)
    if namespace is None:  # a class has no globals, but its methods have
        methods = (getattr(m, "__globals__", None) for m in vars(thing).values())
        namespace = next((n for n in methods if n is not None), {})
    file = namespace.get("__file__") or ""
    source = "".join(linecache.getlines(file)) if file else ""
    if not source:
        raise UnmovableError(f"`{thing.__name__}`, which has no source text")
    known = HOMES.get(file)
    if known is None or known.namespace is not namespace:
        HOMES[file] = Home(name, namespace, source)
    return HOMES[file]


def definition_of(thing: Callable[..., Any], name: str = "") -> Binding:
    """Return the definition or import of a function, class or `Rule`.

    `name` is a new name for a lambda, or for a function inside another function. Raise
    UnmovableError if `thing` is a method, or anything else, or has no source text.
    """
    if isinstance(thing, Rule):
        return Definition(Home("", {}, thing.source), thing.source, (thing.__name__,))
    if not hasattr(thing, "__qualname__"):
        raise UnmovableError(f"{thing!r}, which is neither a function nor a class")
    if inspect.ismethod(thing):
        raise UnmovableError(f"`self` in `{thing.__qualname__}`, a method", METHOD_HELP)
    home = home_of(thing)
    for own in [thing.__qualname__] + [k for k, v in home.namespace.items() if v is thing]:
        value: Any = home.namespace.get(own)
        same = own in home.bindings and inspect.unwrap(value) is inspect.unwrap(thing)
        if same and (binding := home.find(own)):
            return binding
    code: CodeType | None = getattr(thing, "__code__", None)
    key = f"{thing.__qualname__}:{code.co_firstlineno if code else ''}"
    binding = home.known.get(key)
    if binding is None or getattr(thing, "__closure__", None):
        binding = home.known[key] = _nested(thing, home, name)
    return binding


def _nested(thing: Callable[..., Any], home: Home, name: str) -> Definition:
    """Return the definition of a lambda or of a function inside another, under the name `name`.

    A function keeps its own name if `name` is "". Raise UnmovableError if it has no source text.
    """
    code: CodeType | None = getattr(thing, "__code__", None)
    text = next(_texts(home.parsed, code, thing.__name__, name), None) if code else None
    if text is None:
        raise UnmovableError(f"`{thing.__name__}`, which has no source text")
    cells = dict(inspect.getclosurevars(thing).nonlocals)
    return Definition(home, text, (name or thing.__name__,), cells)


def _texts(source: PythonText, code: CodeType, name: str, wish: str) -> Iterator[str]:
    """Yield the text of each function called `name` in `source` that may have the bytecode `code`.

    A lambda, whose `name` is `<lambda>`, becomes a function called `wish`.
    """
    for node in ast.walk(source.tree):
        match node:
            case ast.Lambda(args=arguments, body=body) if name == "<lambda>":
                if node.lineno <= code.co_firstlineno <= last_line(node):
                    own = compile(f"({source.segment(node)})", "", "eval").co_consts[0]
                    if own.co_code == code.co_code:
                        head = f"def {wish}({ast.unparse(arguments)})"
                        yield f"{head}:\n    return ({source.segment(body)})\n"
            case ast.FunctionDef() | ast.AsyncFunctionDef() if node.name == name:
                if first_line(node) == code.co_firstlineno:
                    lines = source.lines[node.lineno - 1 : last_line(node)]
                    yield textwrap.dedent("\n".join(lines)) + "\n"
