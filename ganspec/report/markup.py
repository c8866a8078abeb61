"""Escaping of any text for Markdown or LaTeX, so that no character of it is markup."""

from __future__ import annotations

import re
import unicodedata

from ganspec.language.errors import printable

MARKDOWN = re.compile(r"([\\`*\[\]~|#!$]|\b_|_\b|(?<!\w)_)")
LATEX = {
    **{c: f"\\{c}" for c in "&%$#_{}"},
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "`": r"\textasciigrave{}",
    "±": r"$\pm$",
    "[": "{[}",  # after a line's end it would begin an argument, as would the star
    "*": "{*}",
}


def markdown(text: str) -> str:
    """Return `text` on one line, for the middle of a line or a cell of a GitHub-flavoured table."""
    line = printable(" ".join(text.split()))
    return MARKDOWN.sub(r"\\\1", line.replace("&", "&amp;")).replace("<", "&lt;")


def markdown_line(text: str) -> str:
    """Return `text` on one line, for the beginning of a line, where it starts no list or quote."""
    return re.sub(r"^([-+=>]|\d+[.)])", lambda start: f"&#8203;{start[0]}", markdown(text))


def latex(text: str) -> str:
    """Return `text` for a cell of a tabular, in LaTeX with its usual fonts.

    Letters that these lack lose their accents, or become question marks.
    """
    return re.sub(r"(?<=\d) x (?=\d)", r" $\\times$ ", latex_letters(text))


def latex_letters(text: str) -> str:
    """Return `text` in the letters of LaTeX's usual fonts, without commands or products."""
    escaped = "".join(LATEX.get(c) or _letter(c) for c in text)
    return re.sub(r"-(?=-)", "-{}", escaped)  # two would be a dash


def _letter(character: str) -> str:
    if character.isascii() or character in "äöüÄÖÜßéèêëáàâåÅçñóòôøØúùûíìîïæÆ":
        return character
    plain = unicodedata.normalize("NFKD", character).encode("ascii", "ignore").decode("ascii")
    return "".join(LATEX.get(c, c) for c in plain) or "?"
