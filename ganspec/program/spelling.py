"""Write numbers, docstrings and shape comments as they look in emitted Python."""

from __future__ import annotations

import math
import re

LINE = 88  # most characters in a line of emitted Python
INDENT = " " * 8  # before a line of a network's `__init__` or `forward`


def comment(line: str, before: tuple[int, ...], after: tuple[int, ...], hidden: bool) -> str:
    """Return a comment with the shape that `line`, a line of Python, computes: `  # 64 x 8 x 8`.

    `before` is the shape of the line's input, `after` that of its result, without the batch.
    Return "" if the two are equal, if `line` contains the length of a result that is a vector, if
    INDENT, line and comment together are longer than LINE, or if `hidden` is true.
    """
    note = f"  # {' x '.join(map(str, after))}"
    fits = len(INDENT) + len(line) + len(note) <= LINE
    return note if before != after and fits and not (hidden or holds_width(line, after)) else ""


def holds_width(line: str, shape: tuple[int, ...]) -> bool:
    """Return True if `shape` is that of a vector and `line` contains the vector's length."""
    return len(shape) == 1 and bool(re.search(rf"\b{shape[0]}\b", line))


def number(value: float) -> str:
    """Return a float as short Python text: 0.25 as `0.25`, 0.0002 as `2e-4`, 1000000.0 as `1e6`.

    Raise ValueError for an infinite number or NaN.
    """
    if not math.isfinite(value):
        raise ValueError(f"{value} cannot be printed")
    if not value or 1e-3 < abs(value) < 1e6:
        return repr(value)
    texts = (f"{value:.{places}e}" for places in range(17))  # 17 digits tell all floats apart
    digits, _, exponent = next(text for text in texts if float(text) == value).partition("e")
    return f"{digits}e{int(exponent)}"


def docstring(text: str) -> str:
    """Return `text` as Python source: a docstring on one line, with its quotes.

    A full stop is added unless `text` is empty or ends in `.`, `!`, `?` or `:`. White space becomes
    single spaces; double quotes become single ones, unless `text` has characters to escape.
    """
    text = " ".join(text.split())
    if text and not text.endswith((".", "!", "?", ":")):
        text += "."
    if text.isprintable() and "\\" not in text:
        text = text.replace('"', "'")
    else:  # backslashes, control characters and format characters are escaped
        text = text.encode("unicode_escape").decode("ascii").replace('"', '\\"')
    return f'"""{text}"""'
