"""Diagnostics: what is wrong, where, why, and what to write instead."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass, field

COLOURS = {"error": "1;31", "warning": "1;33", "frame": "1;34", "bold": "1"}


@dataclass(frozen=True)
class Text:
    """A file that was read: its name as the user wrote it, and its lines."""

    name: str
    lines: tuple[str, ...] = field(repr=False)


@dataclass(frozen=True)
class Mark:
    """A span on one line of a file; line and columns count from 1, `end` is exclusive."""

    text: Text
    line: int
    column: int
    end: int

    def __str__(self) -> str:
        return f"{self.text.name}:{self.line}:{self.column}"

    def within(self, start: int, end: int) -> Mark:
        """The part from `start` to `end`, counted from this mark's first character."""
        if self.end - self.column < end:  # quoted or folded: offsets would be off
            return self
        return Mark(self.text, self.line, self.column + start, self.column + end)


@dataclass(frozen=True)
class Diagnostic:
    """One finding; `render` shows it as rustc would."""

    code: str
    message: str
    mark: Mark | None = None
    notes: tuple[str, ...] = ()
    help: str | None = None
    severity: str = "error"

    def render(self, colour: bool = False) -> str:
        """Text of several lines: headline, place, frame, notes and help."""

        def paint(style: str, text: str) -> str:
            return f"\x1b[{COLOURS[style]}m{text}\x1b[0m" if colour else text

        head = paint(self.severity, f"{self.severity}[{self.code}]")
        lines = [f"{head}{paint('bold', ': ' + self.message)}"]
        gutter = " "
        if self.mark:
            gutter = " " * len(str(self.mark.line))
            lines.append(f"{gutter}{paint('frame', '-->')} {self.mark}")
            lines += self._frame(gutter, paint)
        tail = [f"note: {note}" for note in self.notes]
        tail += [f"help: {self.help}"] if self.help else []
        return "\n".join(lines + [f"{gutter} {paint('frame', '=')} {line}" for line in tail])

    def _frame(self, gutter: str, paint) -> list[str]:
        mark = self.mark
        if not 0 < mark.line <= len(mark.text.lines):
            return []
        source = mark.text.lines[mark.line - 1]
        # A tab is one character in the file and one column here: show it as one blank.
        shown = source.replace("\t", " ")
        start = min(mark.column - 1, len(shown))
        width = max(1, min(mark.end, len(shown) + 1) - mark.column)
        if len(shown) > 120:  # keep the span in view on very long lines
            left = max(0, start - 40)
            shown, start = shown[left : left + 110], start - left
            width = min(width, max(1, len(shown) - start))
        bar = paint("frame", "|")
        carets = paint("error" if self.severity == "error" else "warning", "^" * width)
        return [
            f"{gutter} {bar}",
            f"{paint('frame', str(mark.line))} {bar} {shown}",
            f"{gutter} {bar} {' ' * start}{carets}",
        ]

    def brief(self) -> str:
        """The finding on one line, for logs and editors."""
        place = f"{self.mark}: " if self.mark else ""
        return f"{place}{self.severity}[{self.code}]: {self.message}"


class SpecError(Exception):
    """A spec that cannot be used; `diagnostics` holds every finding, in order of place."""

    def __init__(self, diagnostics: Iterable[Diagnostic]):
        self.diagnostics = tuple(sorted(set(diagnostics), key=_place))
        super().__init__("\n\n".join(d.render() for d in self.diagnostics))


def _place(diagnostic: Diagnostic) -> tuple:
    mark = diagnostic.mark
    place = (mark.text.name, mark.line, mark.column) if mark else ("", 0, 0)
    return (*place, diagnostic.code, diagnostic.message)


def nearest(word: object, options: Iterable[str]) -> str | None:
    """The option most like `word`, or None where nothing is close."""
    names = list(options)
    wanted = str(word).lower().replace("-", "_").replace(" ", "_")
    for name in names:  # `BatchNorm` and `batchnorm` mean `batch_norm`
        if name.replace("_", "") == wanted.replace("_", ""):
            return name
    close = difflib.get_close_matches(wanted, names, n=1, cutoff=0.6)
    return close[0] if close else None


def suggestion(word: object, options: Iterable[str], listed: str) -> str:
    """Help for an unknown name: the nearest one, or all where none is near."""
    names = sorted(options)
    close = nearest(word, names)
    return f"use `{close}`" if close else f"{listed}: {', '.join(names)}"
