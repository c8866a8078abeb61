"""The parts of an emitted module in the order in which one reads them."""

from __future__ import annotations

import ast
import sys

from ganspec.compiler.fold import fold
from ganspec.compiler.inline import inline, inline_short
from ganspec.compiler.moving import Mover, Piece
from ganspec.compiler.scopes import Scopes
from ganspec.compiler.symbols import Symbol
from ganspec.program.spelling import LINE

ORDER = ("Networks", "Losses", "Data", "Training")


class Module:
    """Everything that was moved, with its names."""

    def __init__(self, mover: Mover):
        self.mover, self.symbols = mover, mover.symbols
        texts = inline([piece.text for piece in mover.pieces], mover.inlined())
        texts = inline_short(texts, self._losses(), self._fits)
        literals = self._literals()
        texts = [fold(text, literals) for text in texts]
        for piece, text in zip(mover.pieces, texts, strict=True):
            piece.text = text
        mover.pieces = [piece for piece in mover.pieces if piece.text]
        self.pieces = {symbol: piece for piece in mover.pieces for symbol in piece.symbols}
        texts = [piece.text for piece in mover.pieces]
        reached = "\n".join([*texts, *mover.settings.values()])
        used = self.symbols.used(reached)
        self.used = sorted((s for s in mover.settings if s in used), key=mover.place)
        texts += [f"{s.mark} = {mover.settings[s]}" for s in self.used]
        trees = [Scopes(ast.parse(text)) for text in texts]
        self.symbols.settle(list(zip(texts, (tree.locals() for tree in trees), strict=True)))
        self.main = self.symbols.plain(mover.main)

    def text(self, titled: bool = True) -> str:
        """Return the module: imports, constants, then its sections."""
        parts = ["\n".join(self._imports())]
        if self.used:
            plain = self.symbols.plain
            parts.append(
                "\n".join(plain(f"{s.mark} = {self.mover.settings[s]}") for s in self.used)
            )
        sections = self._sections()
        head = "\n\n".join(parts) + "\n\n\n"
        for name, texts in sections.items():
            if titled:
                head += f"# ---- {name} ----\n"
            head += "\n\n\n".join(texts) + "\n\n\n"
        return head

    def _literals(self) -> dict[str, int | float]:
        """Return the numbers of settings that are written where they are read, by their marks."""
        named = {s.mark: name for s, (family, name) in self.mover.named.items() if not family}
        literal = self.mover.literal & set(named.values())
        return {m: self.mover.cfg.values[name] for m, name in named.items() if name in literal}

    def _losses(self) -> list[str]:
        """Return the marks of what may be a loss of one line, called by the training alone."""
        set_to = "\n".join(self.mover.settings.values())
        marks = [p.symbols[0].mark for p in self.mover.pieces if p.section == "Losses"]
        return [mark for mark in marks if mark not in set_to]

    def _fits(self, line: str) -> bool:
        return len(self.symbols.plain(line)) <= LINE

    def _sections(self) -> dict[str, list[str]]:
        self.placed: set[int] = set()
        sections: dict[str, list[str]] = {name: [] for name in ORDER}
        for name in ORDER:
            for piece in self.mover.pieces:
                if piece.section == name:
                    self._place(piece, sections[name])
        return {name: texts for name, texts in sections.items() if texts}

    def _place(self, piece: Piece, texts: list[str]) -> None:
        """Add a piece, after what it needs to be defined."""
        if id(piece) in self.placed:
            return
        self.placed.add(id(piece))
        for symbol in self.symbols.used(piece.text):
            needed = self.pieces.get(symbol)
            if needed and (needed.section == piece.section or self._at_once(piece, symbol)):
                self._place(needed, texts)
        text = self.symbols.plain(piece.text)
        if texts and self.pieces[piece.symbols[0]].is_value and self.last.is_value:
            texts[-1] += f"\n{text}"  # constants stand together
        else:
            texts.append(text)
        self.last = piece

    def _at_once(self, piece: Piece, symbol: Symbol) -> bool:
        """Return True if a piece reads a name when it is defined, not when it is called."""
        scopes = Scopes(ast.parse(piece.text))
        return any(name.id == symbol.mark and not scopes.of[name].outer for name in scopes.of)

    def _imports(self) -> list[str]:
        found = self.mover.imports.items()
        lines = [i.text(symbol.name) for symbol, all in found for i in all if symbol.name]
        return imports(lines)


def imports(lines: list[str]) -> list[str]:
    """Return import statements sorted and grouped as isort does: standard library, then the rest.

    What is imported from one module is imported in one statement.
    """
    whole = {line for line in lines if line.startswith("import ")}
    named: dict[str, set[str]] = {}
    for line in set(lines) - whole:
        module, _, names = line.removeprefix("from ").partition(" import ")
        named.setdefault(module, set()).update(names.split(", "))
    merged = {f"from {m} import {', '.join(sorted(names))}" for m, names in named.items()}
    unique = sorted(whole | merged, key=_import_key)
    standard = [line for line in unique if line.split()[1].split(".")[0] in sys.stdlib_module_names]
    others = [line for line in unique if line not in standard]
    return [*standard, "", *others] if standard and others else [*standard, *others]


def _import_key(line: str) -> tuple:
    return line.startswith("from "), line.split()[1].lower(), line
