"""Records for the code of an emitted file: texts, versions of definitions, calls."""

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
    """A name that the emitted file has already, such as the class of a network."""

    mark: str


@dataclass
class Piece:
    """A text of the emitted file, with the symbols that it defines."""

    symbols: list[Symbol]
    section: str
    text: str
    is_value: bool = False


@dataclass(eq=False)
class Version:
    """A definition with its known parameters in `bound`; two configurations make two versions.

    A function that only passes its arguments on to another one is left out of the file:
    `stands_for` is the text that names the other function.
    """

    definition: Definition
    symbol: Symbol
    bound: dict[str, Known] = field(default_factory=dict)
    stands_for: str | None = None


@dataclass(frozen=True)
class CallText:
    """The call of a moved function: its name, and the parameters that it no longer has."""

    mark: str
    without: set[str]


class Moving(Protocol):
    """The part of `Mover` that rewriting a text needs."""

    trail: list[tuple[Definition, str]]
    printer: Printer
    constants: Constants

    def mark_of(self, binding: Binding, name: str) -> str:
        """Return the mark of `name` in a text that does not call it."""

    def called(
        self, definition: Definition, given: dict[str, Known | None], starred: bool = False
    ) -> CallText:
        """Return the function's name in a call with the arguments `given`, None where unknown."""

    def callee(self, thing: object, name: str = "") -> Definition | str:
        """Return the definition of a function that is moved, else the text that names it."""


def alike(piece: Piece, text: str, symbols: list[Symbol], section: str) -> bool:
    """Return True if `piece` is in `section` and has the text `text`, apart from its own name.

    Both must wish for the same name, and define no other.
    """
    own, other = symbols[0], piece.symbols[0]
    if piece.section != section or own.wishes != other.wishes or len(symbols) > 1:
        return False
    return text.replace(own.mark, "?") == piece.text.replace(other.mark, "?")


def passes_on(text: str) -> str | None:
    """Return `f` if `text` is a function that only returns `f` of its parameters, in order."""
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
