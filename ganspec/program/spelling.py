"""Spell numbers, docstrings and shape comments of emitted Python."""

from __future__ import annotations

import math
import re

LINE = 88
INDENT = " " * 8


def comment(line: str, before: tuple[int, ...], after: tuple[int, ...], hidden: bool) -> str:
    """Return a comment with the shape `after`, such as `  # 64 x 8 x 8`.

    Return '' if the shape does not change, `line` contains it already, the comment does not fit,
    or `hidden` is true, as in blocks, which are used at several shapes.
    """
    note = f"  # {' x '.join(map(str, after))}"
    if holds_width(line, after):
        return ""
    fits = len(INDENT) + len(line) + len(note) <= LINE
    return note if before != after and fits and not hidden else ""


def holds_width(line: str, shape: tuple[int, ...]) -> bool:
    """Return True if `shape` is a vector's and `line` contains its length."""
    return len(shape) == 1 and bool(re.search(rf"\b{shape[0]}\b", line))


def number(value: float) -> str:
    """Return a float as text in its short form: 0.0002 as `2e-4`, 1000000.0 as `1e6`.

    Raise ValueError for an infinite number or NaN.
    """
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
    """Return any text as a docstring on one line, which ends in a full stop or such a mark."""
    text = " ".join(text.split())
    if text and not text.endswith((".", "!", "?", ":")):
        text += "."
    if text.isprintable() and "\\" not in text:
        text = text.replace('"', "'")
    else:  # control and format characters are escaped
        text = text.encode("unicode_escape").decode("ascii").replace('"', '\\"')
    return f'"""{text}"""'
