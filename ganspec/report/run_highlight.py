"""Syntax highlighting of Python and YAML for HTML pages."""

from __future__ import annotations

from markupsafe import Markup, escape
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer, YamlLexer

LEXERS = {"python": PythonLexer, "yaml": YamlLexer}
PLAIN = 150_000  # characters; a page with a longer text in colours would open slowly


def highlighted(text: str, language: str, prefix: str) -> Markup:
    """Return `text` as escaped HTML in the colours of `language`, `python` or `yaml`.

    Lines have numbers and anchors, `{prefix}-12` for line 12. CSS classes are Pygments's short
    names. A text of more than PLAIN characters has no colours, numbers and anchors.
    """
    if len(text) > PLAIN:
        return Markup(f"<pre>{escape(text)}</pre>")
    formatter = HtmlFormatter(linenos="inline", linespans=prefix, cssclass="code", wrapcode=True)
    return Markup(highlight(text, LEXERS[language](stripnl=False), formatter))
