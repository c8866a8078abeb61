"""Small texts of emitted Python: numbers, docstrings, shape comments."""

from __future__ import annotations

import math
import re

LINE = 88
INDENT = " " * 8


def comment(line: str, before: tuple[int, ...], after: tuple[int, ...], hidden: bool) -> str:
    """Return the comment with the new shape after `line`, or ''.

    `hidden` is true in blocks, which are used at several shapes.
    """
    note = f"  # {' x '.join(map(str, after))}"
    if holds_width(line, after):
        return ""
    fits = len(INDENT) + len(line) + len(note) <= LINE
    return note if before != after and fits and not hidden else ""


def holds_width(line: str, shape: tuple[int, ...]) -> bool:
    """Return True if `line` holds the width of a vector."""
    return len(shape) == 1 and bool(re.search(rf"\b{shape[0]}\b", line))


def number(value: float) -> str:
    """Return a float as a person would write it: 0.0002 as 2e-4, 1000000.0 as 1e6."""
    if not math.isfinite(value):
        raise ValueError(f"{value} cannot be printed")
    plain = repr(value)
    if value and (abs(value) <= 1e-3 or abs(value) >= 1e6):
        digits, _, exponent = f"{value:.17e}".partition("e")
        for places in range(17):
            short = f"{value:.{places}e}"
            if float(short) == value:
                digits, _, exponent = short.partition("e")
                return f"{digits}e{int(exponent)}"
    return plain


def docstring(text: str) -> str:
    """Return any text as a docstring on one line."""
    text = " ".join(text.split())
    if text and not text.endswith((".", "!", "?", ":")):
        text += "."
    if text.isprintable() and "\\" not in text:
        text = text.replace('"', "'")
    else:  # no control and format characters in a file
        text = text.encode("unicode_escape").decode("ascii").replace('"', '\\"')
    return f'"""{text}"""'
