"""The texts of an emitted file, and which of them are versions of one definition."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from typing import Protocol

from ganspec.compiler.definitions import Definition, Import
from ganspec.compiler.known import Known, Namespace
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
    """A definition with some of its parameters known; two configurations make two of them."""

    definition: Definition
    symbol: Symbol
    bound: dict[str, Known] = field(default_factory=dict)
    stands_for: str | None = None  # the function that it only passes its arguments on to


class Moving(Protocol):
    """The file that rewritten texts go into, as they see it."""

    trail: list[tuple[Definition, str]]
    printer: Printer

    def bring(self, found: Import) -> str:
        """Return the mark of an imported name."""

    def whole(self, found: Definition | Import) -> str:
        """Return the mark of something whose calls are not all known."""

    def value(self, found: Definition, name: str) -> str:
        """Return the mark of a constant that a module's statements set."""

    def configuration(self, space: Namespace) -> str:
        """Return the mark of a configuration as a value."""

    def called(
        self, found: Definition, given: dict[str, Known | None], starred: bool = False
    ) -> Call:
        """Return how a call is written whose arguments are `given`, None where unknown."""

    def callee(self, thing: object, name: str = "") -> Definition | str:
        """Return the definition of a function that is moved, else the text that names it."""


@dataclass(frozen=True)
class Call:
    """The call of a moved function: its name, and the parameters that it no longer has."""

    mark: str
    without: set[str]


def key_of(found: Definition) -> tuple:
    return (found.home.name, found.names, found.text, tuple(map(id, found.cells.values())))


def alike(piece: Piece, text: str, symbols: list[Symbol], section: str) -> bool:
    """Return True if a piece is the same text as a version of the same definition."""
    own, other = symbols[0], piece.symbols[0]
    if piece.section != section or own.wishes != other.wishes or len(symbols) > 1:
        return False
    return text.replace(own.mark, "?") == piece.text.replace(other.mark, "?")


def renamed(text: str) -> str | None:
    """Return the function that a settled one only hands its parameters on to, in their order."""
    (node, *rest) = ast.parse(text).body
    if rest or not isinstance(node, ast.FunctionDef) or node.decorator_list:
        return None
    body = node.body[1:] if ast.get_docstring(node) is not None else node.body
    match body:
        case [ast.Return(value=ast.Call(func=function, args=arguments, keywords=[]))]:
            given = [a.id if isinstance(a, ast.Name) else None for a in arguments]
            names = [a.arg for a in node.args.args]
            alone = every_argument(node.args) == node.args.args and not node.args.defaults
            dotted = all(
                isinstance(n, (ast.Name, ast.Attribute, ast.Load)) for n in ast.walk(function)
            )
            if given == names and names and alone and dotted:
                return ast.unparse(function)
    return None
