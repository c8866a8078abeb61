"""Texts for Markdown and LaTeX, escaped so that no character acts as markup, and LaTeX tables."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence

from ganspec.language.errors import printable

MARKDOWN = re.compile(r"([\\`*\[\]~|#!$]|\b_|_\b|(?<!\w)_)")  # characters that could be markup
LATEX = {  # what to write in LaTeX for a character
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
    "[": "{[}",  # LaTeX would read a bracket or a star after `\\` as its argument
    "*": "{*}",
}


def markdown(text: str) -> str:
    """Return `text` as one line, escaped for a cell of a Markdown table or the middle of a line."""
    line = printable(" ".join(text.split()))
    return MARKDOWN.sub(r"\\\1", line.replace("&", "&amp;")).replace("<", "&lt;")


def markdown_line(text: str) -> str:
    """Return `text` escaped as a whole line of Markdown, so that it begins no list or quote."""
    return re.sub(r"^([-+=>]|\d+[.)])", lambda start: f"&#8203;{start[0]}", markdown(text))


def markdown_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table with every cell escaped; "" if there are no rows."""
    if not rows:
        return ""
    first, *lines = (f"| {' | '.join(map(markdown, row))} |" for row in (head, *rows))
    return "\n".join([first, "|" + "---|" * len(head), *lines])


def latex(text: str) -> str:
    """Return `text` escaped for a cell of a LaTeX table.

    An `x` between numbers, as in `4 x 4`, becomes a multiplication sign.
    """
    return re.sub(r"(?<=\d) x (?=\d)", r" $\\times$ ", latex_letters(text))


def latex_letters(text: str) -> str:
    """Return `text` escaped for LaTeX.

    Characters that LaTeX's usual fonts lack are written in ASCII, or become question marks.
    """
    escaped = "".join(LATEX.get(c) or _letter(c) for c in text)
    return re.sub(r"-(?=-)", "-{}", escaped)  # LaTeX would print `--` as a dash


def latex_list(texts: Iterable[str]) -> list[str]:
    """Return the lines of a LaTeX list, with an escaped item for each text."""
    items = (rf"  \item {latex(text)}" for text in texts)
    return [r"\begin{itemize}", *items, r"\end{itemize}"]


def booktabs(
    groups: Sequence[Sequence[Sequence[str]]],
    caption: str,
    label: str,
    columns: str,
    kind: str = "table",
    place: str = "",
    font: str = "footnotesize",
    escape: Callable[[str], str] = latex,
) -> list[str]:
    """Return the lines of a floating LaTeX table, with rules of the package booktabs.

    A group is a list of rows, a row a list of cells; rules separate `groups`. The table's LaTeX
    label is `tab:` and `label`. `columns` is the argument of `tabular`, such as `llr`. `kind` is
    `table*` for a table across two columns of a page, and `place` says where a table may float to,
    such as `[htbp]`. `font` is a size, such as `scriptsize`. `escape` is applied to cells and
    caption.
    """
    lines: list[str] = []
    for rows in groups:
        lines += [r"    \midrule"] if lines else []
        lines += [f"    {' & '.join(map(escape, row))} \\\\" for row in rows]
    return [
        rf"\begin{{{kind}}}{place}",
        rf"  \centering\{font}\setlength{{\tabcolsep}}{{4pt}}",
        rf"  \caption{{{escape(caption)}}}",
        rf"  \label{{tab:{label}}}",
        rf"  \begin{{tabular}}{{@{{}}{columns}@{{}}}}",
        r"    \toprule",
        *lines,
        r"    \bottomrule",
        r"  \end{tabular}",
        rf"\end{{{kind}}}",
    ]


def _letter(character: str) -> str:
    """Return a character unchanged if LaTeX's usual fonts have it, else in ASCII: `s` for `š`.

    Return a question mark if Unicode decomposes it to no ASCII characters.
    """
    if character.isascii() or character in "äöüÄÖÜßéèêëáàâåÅçñóòôøØúùûíìîïæÆ":
        return character
    plain = unicodedata.normalize("NFKD", character).encode("ascii", "ignore").decode("ascii")
    return "".join(LATEX.get(c, c) for c in plain) or "?"
