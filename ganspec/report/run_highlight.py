"""Source text with its words marked for colour, line by line."""

from __future__ import annotations

from markupsafe import Markup, escape
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer, YamlLexer

LEXERS = {"python": PythonLexer, "yaml": YamlLexer}
PLAIN = 150_000  # characters, beyond which colours would cost more than they give


def highlighted(text: str, language: str, prefix: str) -> Markup:
    """`text` as HTML, escaped; line 12 has the anchor `prefix-12` and its number before it.

    Classes are Pygments's short names.
    """
    if len(text) > PLAIN:
        return Markup(f"<pre>{escape(text)}</pre>")
    formatter = HtmlFormatter(
        linenos="inline", linespans=prefix, cssclass="code", wrapcode=True, encoding=None
    )
    return Markup(highlight(text, LEXERS[language](stripnl=False), formatter))
