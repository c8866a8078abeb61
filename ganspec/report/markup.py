"""Escaping of text for Markdown and LaTeX, so that no character acts as markup."""

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
    "↑": r"$\uparrow$",
    "↓": r"$\downarrow$",
    "[": "{[}",  # after `\\`, a bracket or a star would be read as an argument
    "*": "{*}",
}


def markdown(text: str) -> str:
    """Escape `text` for the middle of a Markdown line or a table cell, on one line."""
    line = printable(" ".join(text.split()))
    return MARKDOWN.sub(r"\\\1", line.replace("&", "&amp;")).replace("<", "&lt;")


def markdown_line(text: str) -> str:
    """Escape `text` for the beginning of a Markdown line, so that it starts no list or quote."""
    return re.sub(r"^([-+=>]|\d+[.)])", lambda start: f"&#8203;{start[0]}", markdown(text))


def latex(text: str) -> str:
    """Escape `text` for a cell of a LaTeX table, with a product sign in `4 x 4`.

    Letters that LaTeX's usual fonts lack lose their accents, or become question marks.
    """
    return re.sub(r"(?<=\d) x (?=\d)", r" $\\times$ ", latex_letters(text))


def latex_letters(text: str) -> str:
    """Escape `text` for LaTeX, in letters that its usual fonts have."""
    escaped = "".join(LATEX.get(c) or _letter(c) for c in text)
    return re.sub(r"-(?=-)", "-{}", escaped)  # LaTeX would print `--` as a dash


def _letter(character: str) -> str:
    if character.isascii() or character in "äöüÄÖÜßéèêëáàâåÅçñóòôøØúùûíìîïæÆ":
        return character
    plain = unicodedata.normalize("NFKD", character).encode("ascii", "ignore").decode("ascii")
    return "".join(LATEX.get(c, c) for c in plain) or "?"
