"""Diagnostics: what is wrong in a spec, where, why, and how to correct it."""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import NoReturn

COLOURS = {"error": "1;31", "warning": "1;33", "frame": "1;34", "bold": "1"}
LONGEST_QUOTE = 40  # most characters of a value from the spec that a message shows
# torch's words for a lack of memory; other errors speak of memory, too, such as of its format
OUT_OF_MEMORY = re.compile(r"out of memory|not enough memory|allocate memory|ALLOC_FAILED")
WIDEST_FRAME = 110  # characters that a diagnostic shows of a line of the spec with more than 120

# Names in other libraries or papers, each with the spec's name for the same or the nearest thing.
SYNONYMS = {
    "adamax": "adam",
    "batchnorm2d": "batch_norm",
    "bce": "non_saturating",
    "bn": "batch_norm",
    "channels": "out",
    "convtranspose2d": "conv_transpose",
    "deconv": "conv_transpose",
    "dense": "linear",
    "fc": "linear",
    "features": "out",
    "filters": "out",
    "glorot": "xavier",
    "gp": "gradient",
    "he": "kaiming",
    "learning_rate": "lr",
    "lrelu": "leaky_relu",
    "lsgan": "least_squares",
    "negative_slope": "slope",
    "p": "rate",
    "swish": "silu",
    "units": "out",
    "vanilla": "non_saturating",
    "wgan": "wasserstein",
}
# Former names, each with the names that replace it in different sections.
RENAMED = {
    "norm": ("normalization", "weight_norm"),
    "weight_norm": ("normalization", "weight"),
}
FORMER = {"updates: apart": "write `order: [real, fake, generator]`"}  # help for former values


@dataclass(frozen=True)
class Text:
    """The lines of a spec's file or of a setting, and the name that messages give to it."""

    name: str
    lines: tuple[str, ...] = field(repr=False)


@dataclass(frozen=True)
class Mark:
    """A span on one line of a file; line and columns count from 1, `end` is the column after it."""

    text: Text
    line: int
    column: int
    end: int

    def __str__(self) -> str:
        return f"{printable(self.text.name)}:{self.line}:{self.column}"

    def within(self, value: str, start: int, end: int) -> Mark:
        """Return the mark of `value[start:end]` inside this mark, whose value is `value`.

        Return this mark if the file has the value in another form, such as in quotes.
        """
        line = self.text.lines[self.line - 1] if self.line <= len(self.text.lines) else ""
        # in a quoted or folded text, offsets differ from those in its value
        if line[self.column - 1 : self.end - 1] != value:
            return self
        return Mark(self.text, self.line, self.column + start, self.column + end)

    def seen_from(self, other: Mark | None) -> str:
        """Return this place as text, `my.yaml:4:7`; `line 4` if `other` is in the same file."""
        near = other is not None and other.text.name == self.text.name
        return f"line {self.line}" if near else str(self)


@dataclass(frozen=True)
class Diagnostic:
    """One error or warning about a spec, which `render` shows as the Rust compiler does.

    `code` names the kind of mistake. `notes` say why, `help` says what to write instead.
    """

    code: str
    message: str
    mark: Mark | None = None
    notes: tuple[str, ...] = ()
    help: str | None = None
    severity: str = "error"

    def render(self, colour: bool = False) -> str:
        """Return lines of text: headline, place, the marked line of the spec, notes and help."""

        def paint(style: str, text: str) -> str:
            return f"\x1b[{COLOURS[style]}m{text}\x1b[0m" if colour else text

        head = paint(self.severity, f"{self.severity}[{self.code}]")
        lines = [f"{head}{paint('bold', ': ' + printable(self.message))}"]
        gutter = " "
        if self.mark:
            gutter = " " * len(str(self.mark.line))
            lines.append(f"{gutter}{paint('frame', '-->')} {self.mark}")
            lines += self._frame(self.mark, gutter, paint)
        tail = [f"note: {printable(note)}" for note in self.notes]
        tail += [f"help: {printable(self.help)}"] if self.help else []
        return "\n".join(lines + [f"{gutter} {paint('frame', '=')} {line}" for line in tail])

    def _frame(self, mark: Mark, gutter: str, paint: Callable[[str, str], str]) -> list[str]:
        if not 0 < mark.line <= len(mark.text.lines):
            return []
        # characters that would move the frame or the carets are replaced
        line = "".join(_visible(c) for c in mark.text.lines[mark.line - 1])
        start = min(mark.column - 1, len(line))
        end = max(start, min(mark.end - 1, len(line)))
        if len(line) > WIDEST_FRAME + 10:
            left = max(0, start - 40)
            line, start, end = line[left : left + WIDEST_FRAME], start - left, end - left
        bar = paint("frame", "|")
        carets = paint(self.severity, "^" * max(1, _terminal_columns(line[start:end])))
        return [
            f"{gutter} {bar}",
            f"{paint('frame', str(mark.line))} {bar} {line}".rstrip(),
            f"{gutter} {bar} {' ' * _terminal_columns(line[:start])}{carets}",
        ]

    def brief(self) -> str:
        """Return the diagnostic on one line: place, severity, code and message."""
        place = f"{self.mark}: " if self.mark else ""
        return f"{place}{self.severity}[{self.code}]: {printable(self.message)}"


class GanspecError(Exception):
    """Raised for a mistake that the user can correct. Only a SpecError has more than one line."""

    def _render_traceback_(self) -> list[str]:
        """Return the line that a notebook shows in place of a traceback."""
        return [f"{type(self).__name__}: {self}"]


class SpecError(GanspecError):
    """Raised for a spec that is wrong or cannot be read; `diagnostics` are the mistakes.

    They are in the order of files and lines, those without a place last.
    """

    def __init__(self, diagnostics: Iterable[Diagnostic]):
        distinct: dict[tuple, Diagnostic] = {}
        for d in diagnostics:  # a mistake in a block is found at each call, but shown once
            distinct.setdefault((d.code, d.mark, d.message if d.mark is None else ""), d)
        self.diagnostics = tuple(sorted(distinct.values(), key=_place))
        super().__init__("\n\n".join(d.render() for d in self.diagnostics))

    def __reduce__(self) -> tuple[type[SpecError], tuple[object, ...]]:
        return type(self), (self.diagnostics,)  # by default it would be made from its message

    def _render_traceback_(self) -> list[str]:
        return "\n\n".join(d.render(colour=True) for d in self.diagnostics).splitlines()


def _place(diagnostic: Diagnostic) -> tuple:
    mark = diagnostic.mark
    place = (0, mark.text.name, mark.line, mark.column) if mark else (1, "", 0, 0)
    return (*place, diagnostic.code, diagnostic.message)


def fail(
    code: str, message: str, mark: Mark | None, help: str | None = None, *notes: str
) -> NoReturn:
    """Raise a SpecError with one diagnostic."""
    raise SpecError([Diagnostic(code, message, mark, notes, help)])


class NoFolderError(GanspecError):
    """Raised if the user names a folder of images for a data set that reads no folder."""


class UnshownError(GanspecError):
    """Raised in a process whose error another process shows, so that it is shown once."""


def one_line(error: BaseException) -> str:
    """Return an exception on one line: its message's first line, or its type, then its notes."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return ", ".join([lines[0], *getattr(error, "__notes__", [])])


def is_out_of_memory(error: BaseException) -> bool:
    """Return True if `error` says that memory has run out, by its class or torch's message."""
    return isinstance(error, MemoryError) or bool(OUT_OF_MEMORY.search(str(error)))


# -- words and values in messages -------------------------------------------------------------


def printable(text: str) -> str:
    """Return `text` with all unprintable characters escaped, such as line ends."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def quoted(value: object) -> str:
    """Return a value as messages show it: cut short, in backticks, or in words such as `a map`."""
    if isinstance(value, (dict, list, tuple)):
        return "a map" if isinstance(value, dict) else "a list"
    if value is None:
        return "nothing"
    text = str(value).lower() if isinstance(value, bool) else str(value)
    if text == "":
        return "an empty text"
    cut = text if len(text) <= LONGEST_QUOTE else text[: LONGEST_QUOTE - 3] + "..."
    return f"`{printable(cut)}`"


def listed(words: Iterable[object], last: str = "and") -> str:
    """Return the words in backticks, as a list in a sentence: `a`, `b` and `c`."""
    return conjunction([f"`{word}`" for word in words], last)


def conjunction(words: list[str], last: str = "and") -> str:
    """Return the words as a list in a sentence: a, b and c."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} {last} {words[-1]}"


def plural(noun: str) -> str:
    """Return the plural of a family's name."""
    if noun == "criterion":
        return "criteria"
    if noun.endswith("y"):
        return f"{noun[:-1]}ies"
    return f"{noun}es" if noun.endswith("s") else f"{noun}s"


def nearest(word: object, options: Iterable[str]) -> str | None:
    """Return the option that `word` resembles most, or that means the same; None if none does."""
    names = list(options)
    wanted = str(word).lower().replace("-", "_").replace(" ", "_")
    if len(wanted) > LONGEST_QUOTE:
        return None
    for name in names:  # `BatchNorm` and `batchnorm` match `batch_norm`
        if name.replace("_", "") == wanted.replace("_", ""):
            return name
    for name in (SYNONYMS.get(wanted), *RENAMED.get(wanted, ()), wanted.removesuffix("_norm")):
        if name in names:
            return name
    close = difflib.get_close_matches(wanted, names, n=1, cutoff=0.6)
    return close[0] if close else None


def suggestion(word: object, options: Iterable[str], heading: str) -> str:
    """Return help for an unknown name: the nearest option, or all options after `heading`."""
    names = sorted(options)
    close = nearest(word, names)
    return f"use `{close}`" if close else f"{heading}: {', '.join(names)}"


def _visible(character: str) -> str:
    if character == "\t":
        return " "
    return character if character.isprintable() else "\ufffd"


def _terminal_columns(text: str) -> int:
    wide = sum(unicodedata.east_asian_width(c) in "WF" for c in text)
    return len(text) + wide - sum(unicodedata.combining(c) > 0 for c in text)
