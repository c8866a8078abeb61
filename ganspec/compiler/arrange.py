"""Arrange the texts of an emitted file: inline short functions, choose names, make sections."""

from __future__ import annotations

import ast
import sys

from ganspec.compiler.fold import fold
from ganspec.compiler.inline import inline
from ganspec.compiler.moving import Mover
from ganspec.compiler.pieces import Piece
from ganspec.compiler.scopes import FUNCTIONS, NameScope, Scopes
from ganspec.compiler.symbols import Symbol
from ganspec.program.spelling import LINE

ORDER = ("Networks", "Losses", "Data", "Training")


class EmittedFile:
    """The texts that `mover` gathered for an emitted file, shortened, and with names chosen.

    `main` is the chosen name of the function or class whose placeholder is `mover.main`.
    """

    def __init__(self, mover: Mover):
        self.mover, self.symbols = mover, mover.symbols
        self._shorten()
        self.pieces = {symbol: piece for piece in mover.pieces for symbol in piece.symbols}
        texts = [piece.text for piece in mover.pieces]
        reached = self.symbols.used("\n".join([*texts, *mover.constants.texts]))
        self.constants = mover.constants.lines(reached)
        texts += self.constants
        self.symbols.choose_names([(text, Scopes(ast.parse(text)).locals()) for text in texts])
        self.main = self.symbols.plain(mover.main)

    def _shorten(self) -> None:
        """Put the bodies of some functions in place of their calls, and drop their definitions.

        Settings that `mover.literal` names become numbers, and arithmetic on them is computed.
        """
        mover = self.mover
        texts = inline([piece.text for piece in mover.pieces], mover.inlined())
        texts = inline(texts, self._losses(), self._fits)
        literals = mover.constants.literals(mover.literal)
        for piece, text in zip(mover.pieces, texts, strict=True):
            piece.text = fold(text, literals)
        mover.pieces = [piece for piece in mover.pieces if piece.text]

    def _losses(self) -> list[str]:
        """Return placeholders of pieces in the section `Losses` that no constant's text reads."""
        constants = "\n".join(self.mover.constants.texts)
        losses = [p.symbols[0] for p in self.mover.pieces if p.section == "Losses"]
        return [loss.placeholder for loss in losses if loss.placeholder not in constants]

    def _fits(self, line: str) -> bool:
        return len(self.symbols.plain(line)) <= LINE

    def text(self, titled: bool = True) -> str:
        """Return imports, constants and sections as one text; if `titled`, sections have headings.

        The docstring of the file and the call of its main function are not in it.
        """
        imported = self.mover.imports.items()
        texts = [i.text(symbol.name) for symbol, all in imported for i in all if symbol.name]
        parts = ["\n".join(imports("\n".join(texts).splitlines()))]
        if self.constants:
            parts.append("\n".join(map(self.symbols.plain, self.constants)))
        text = "\n\n".join(parts) + "\n\n\n"
        for name, texts in self._sections().items():
            if titled:
                text += f"# ---- {name} ----\n"
            text += "\n\n\n".join(texts) + "\n\n\n"
        return text

    def _sections(self) -> dict[str, list[str]]:
        """Return the texts of each section that is not empty, by the section's name, in order.

        Within a section, a definition comes before those that use it, unless they use each other.
        A definition moves from its section to an earlier one if a text there reads it when the file
        is imported, as a decorator or base class is read.
        """
        sections: dict[str, list[str]] = {name: [] for name in ORDER}
        begun: set[int] = set()
        placed: list[Piece] = []

        def place(piece: Piece, texts: list[str]) -> None:
            if id(piece) in begun:
                return
            begun.add(id(piece))
            for symbol in self.symbols.used(piece.text):
                needed = self.pieces.get(symbol)
                if needed and (needed.section == piece.section or _reads_at_once(piece, symbol)):
                    place(needed, texts)
            text = self.symbols.plain(piece.text)
            if texts and piece.is_value and placed[-1].is_value:
                texts[-1] += f"\n{text}"  # no blank lines between constants
            else:
                texts.append(text)
            placed.append(piece)

        for name in ORDER:
            for piece in self.mover.pieces:
                if piece.section == name:
                    place(piece, sections[name])
        return {name: texts for name, texts in sections.items() if texts}


def _reads_at_once(piece: Piece, symbol: Symbol) -> bool:
    """Return True if `piece` reads `symbol` when the file is imported, outside of functions."""
    scopes = Scopes(ast.parse(piece.text))
    return any(not _is_deferred(scopes.of[name]) for name in scopes.named(symbol.placeholder))


def _is_deferred(scope: NameScope | None) -> bool:
    """Return True if `scope` is a function or within one, so that its code runs only in calls."""
    while scope and not isinstance(scope.node, FUNCTIONS):
        scope = scope.outer
    return scope is not None


def imports(lines: list[str]) -> list[str]:
    """Return the import statements `lines`, merged, and sorted as isort sorts them.

    Those of the standard library come first, then those of other packages; "" is between them, for
    a blank line. All names that are imported from one module are in one statement.
    """
    named: dict[str, set[str]] = {}
    whole = {line for line in lines if line.startswith("import ")}
    for line in set(lines) - whole:
        module, _, names = line.removeprefix("from ").partition(" import ")
        named.setdefault(module, set()).update(names.split(", "))
    merged = {f"from {m} import {', '.join(sorted(names))}" for m, names in named.items()}
    unique = sorted(whole | merged, key=_import_key)
    standard = [line for line in unique if line.split()[1].split(".")[0] in sys.stdlib_module_names]
    others = [line for line in unique if line not in standard]
    return [*standard, "", *others] if standard and others else [*standard, *others]


def _import_key(line: str) -> tuple[bool, str, str]:
    return line.startswith("from "), line.split()[1].lower(), line
