"""The parts of an emitted file as they are gathered: texts, versions of definitions, calls."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from typing import Protocol

from ganspec.compiler.definitions import Binding, Definition, Import
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
    """A definition with some of its parameters known; two configurations make two versions.

    A function that only passes its arguments on to another needs no text: `stands_for` is that
    other function's.
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
    """The emitted file, as rewritten texts see it. Its methods return marks."""

    trail: list[tuple[Definition, str]]
    printer: Printer

    def bring(self, imported: Import) -> str:
        """Import a name."""

    def whole(self, binding: Binding) -> str:
        """Name something that any code may call: none of its parameters are settled."""

    def value(self, definition: Definition, name: str) -> str:
        """Name a constant that a module's statements set."""

    def configuration(self, space: Namespace) -> str:
        """Name a configuration as a value."""

    def called(
        self, definition: Definition, given: dict[str, Known | None], starred: bool = False
    ) -> CallText:
        """Call a function whose arguments are `given`, None where unknown."""

    def callee(self, thing: object, name: str = "") -> Definition | str:
        """Return the definition of a function that is moved, else the text that names it."""


def key_of(definition: Definition) -> tuple:
    cells = tuple(map(id, definition.cells.values()))
    return definition.home.name, definition.names, definition.text, cells


def alike(piece: Piece, text: str, symbols: list[Symbol], section: str) -> bool:
    """Return True if a piece is the same text as a version of the same definition."""
    own, other = symbols[0], piece.symbols[0]
    if piece.section != section or own.wishes != other.wishes or len(symbols) > 1:
        return False
    return text.replace(own.mark, "?") == piece.text.replace(other.mark, "?")


def passes_on(text: str) -> str | None:
    """Return the function that a settled one only hands its parameters on to, in their order."""
    (node, *rest) = ast.parse(text).body
    if rest or not isinstance(node, ast.FunctionDef) or node.decorator_list:
        return None
    body = node.body[1:] if ast.get_docstring(node) is not None else node.body
    match body:
        case [ast.Return(value=ast.Call(func=function, args=arguments, keywords=[]))]:
            passed = [a.id if isinstance(a, ast.Name) else None for a in arguments]
            names = [a.arg for a in node.args.args]
            alone = every_argument(node.args) == node.args.args and not node.args.defaults
            dotted = (ast.Name, ast.Attribute, ast.Load)
            if passed == names and names and alone:
                if all(isinstance(n, dotted) for n in ast.walk(function)):
                    return ast.unparse(function)
    return None
