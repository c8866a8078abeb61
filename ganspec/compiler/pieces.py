"""Classes for the code of an emitted file: texts, versions of definitions, calls."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from typing import Protocol

from ganspec.compiler.constants import Constants
from ganspec.compiler.definitions import Binding, Definition
from ganspec.compiler.known import Known
from ganspec.compiler.printer import Printer
from ganspec.compiler.scopes import every_argument
from ganspec.compiler.symbols import Symbol


@dataclass(frozen=True)
class Named:
    """The placeholder of a name that the emitted file has already, such as a network's class."""

    placeholder: str


@dataclass
class Piece:
    """A text of the emitted file, with the symbols that it defines.

    `is_value` is True if the text sets constants, and False for a function or class.
    """

    symbols: list[Symbol]
    section: str
    text: str
    is_value: bool = False


@dataclass(eq=False)
class Version:
    """A definition in the form that is emitted for calls with settings of the same families.

    `bound` has the known values of the parameters that are left out. `stands_for` is None, or the
    text that names another function, if this one would only pass its arguments on to that: then
    this one is not emitted, and its calls use the text.
    """

    definition: Definition
    symbol: Symbol
    bound: dict[str, Known] = field(default_factory=dict)
    stands_for: str | None = None


@dataclass(frozen=True)
class CallText:
    """The text that calls a moved function by name, and the parameters that the call leaves out."""

    placeholder: str
    without: set[str]


class Moving(Protocol):
    """The attributes and methods of `Mover` that `transcription.py` uses."""

    trail: list[tuple[Definition, str]]
    printer: Printer
    constants: Constants

    def placeholder_of(self, binding: Binding, name: str) -> str: ...

    def call_of(
        self, definition: Definition, arguments: dict[str, Known | None], starred: bool = False
    ) -> CallText: ...

    def callee(self, thing: object, name: str) -> Definition | str: ...


def alike(piece: Piece, text: str, symbols: list[Symbol], section: str) -> bool:
    """Return True if `piece` can serve in place of a new piece of `symbols`, `section` and `text`.

    Both must be in the same section, define one name each, wish for the same name, and have equal
    texts apart from their placeholders.
    """
    own, other = symbols[0], piece.symbols[0]
    if piece.section != section or own.wishes != other.wishes or len(symbols) > 1:
        return False
    return text.replace(own.placeholder, "?") == piece.text.replace(other.placeholder, "?")


def passes_on(text: str) -> str | None:
    """Return "f" if `text` has the form `def g(a, b): return f(a, b)`; None for any other text.

    The function may have a docstring, but no defaults or decorators. It needs one parameter or
    more, all of them plain: neither starred, nor `/` or `*` between them.
    """
    (node, *rest) = ast.parse(text).body
    if rest or not isinstance(node, ast.FunctionDef) or node.decorator_list:
        return None
    body = node.body[1:] if ast.get_docstring(node) is not None else node.body
    match body:
        case [ast.Return(value=ast.Call(func=function, args=arguments, keywords=[]))]:
            passed = [a.id if isinstance(a, ast.Name) else None for a in arguments]
            names = [a.arg for a in node.args.args]
            alone = every_argument(node.args) == node.args.args and not node.args.defaults
            parts = (ast.Name, ast.Attribute, ast.Load)
            dotted = all(isinstance(n, parts) for n in ast.walk(function))
            if passed == names and names and alone and dotted:
                return ast.unparse(function)
    return None
