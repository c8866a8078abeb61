"""Any text as text in a Markdown or LaTeX table: no character of it is markup."""

from __future__ import annotations

import re
import unicodedata

MARKDOWN = re.compile(r"([\\`*\[\]~|#!]|\b_|_\b|(?<!\w)_)")
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
    """`text` in a cell of a GitHub-flavoured table."""
    escaped = MARKDOWN.sub(r"\\\1", text.replace("&", "&amp;"))
    return escaped.replace("<", "&lt;").replace(">", "&gt;")


def latex(text: str) -> str:
    """`text` in a cell of a tabular, for LaTeX with its usual fonts.

    Letters that these lack lose their accents, or become question marks.
    """
    return re.sub(r"(?<=\d) x (?=\d)", r" $\\times$ ", letters(text))


def letters(text: str) -> str:
    """`text` as LaTeX's usual fonts have its letters, no character of it a command."""
    escaped = "".join(LATEX.get(c) or _letter(c) for c in text)
    return re.sub(r"-(?=-)", "-{}", escaped)  # two would be a dash


def _letter(character: str) -> str:
    if character.isascii() or character in "äöüÄÖÜßéèêëáàâåÅçñóòôøØúùûíìîïæÆ":
        return character
    plain = unicodedata.normalize("NFKD", character).encode("ascii", "ignore").decode("ascii")
    return "".join(LATEX.get(c, c) for c in plain) or "?"
