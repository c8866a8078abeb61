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
    """The mark of a name that the emitted file already has, such as that of a network's class."""

    mark: str


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
    """A definition as it is emitted for one configuration; another one has another version.

    `bound` has the parameters that are left out since their values are known, with these values.
    `stands_for` is set if the function would only pass its arguments on to another one: it is not
    emitted, and its calls use this text, which names the other function.
    """

    definition: Definition
    symbol: Symbol
    bound: dict[str, Known] = field(default_factory=dict)
    stands_for: str | None = None


@dataclass(frozen=True)
class CallText:
    """The name that calls of a function use, and the parameters that are left out of them."""

    mark: str
    without: set[str]


class Moving(Protocol):
    """The part of `Mover` that rewriting a text needs."""

    trail: list[tuple[Definition, str]]
    printer: Printer
    constants: Constants

    def mark_of(self, binding: Binding, name: str) -> str:
        """Return the mark of `name`, which `binding` binds, in a text that does not call it."""

    def call_of(
        self, definition: Definition, arguments: dict[str, Known | None], starred: bool = False
    ) -> CallText:
        """Move a function, and return its name in calls with `arguments`, None where unknown."""

    def callee(self, thing: object, name: str = "") -> Definition | str:
        """Return the definition of a function that is moved, or the text that names another."""


def alike(piece: Piece, text: str, symbols: list[Symbol], section: str) -> bool:
    """Return True if `piece` can replace a piece of `symbols`, `section` and `text`.

    Both must be in one section, wish for one name, define no other, and have the same text apart
    from this name.
    """
    own, other = symbols[0], piece.symbols[0]
    if piece.section != section or own.wishes != other.wishes or len(symbols) > 1:
        return False
    return text.replace(own.mark, "?") == piece.text.replace(other.mark, "?")


def passes_on(text: str) -> str | None:
    """Return "f" if `text` is a function that only returns `f` of its parameters, in order.

    Return None for any other text.
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
