"""Syntax highlighting of Python and YAML for HTML pages."""

from __future__ import annotations

from markupsafe import Markup, escape
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer, YamlLexer

LEXERS = {"python": PythonLexer, "yaml": YamlLexer}
# characters; longer text has no colours, line numbers or anchors, or its page would open slowly
PLAIN = 150_000


def highlighted(text: str, language: str, prefix: str) -> Markup:
    """Return `text` as escaped HTML with line numbers; line 12 has the anchor `{prefix}-12`.

    CSS classes are Pygments's short names. Text longer than PLAIN has none of these.
    """
    if len(text) > PLAIN:
        return Markup(f"<pre>{escape(text)}</pre>")
    formatter = HtmlFormatter(
        linenos="inline", linespans=prefix, cssclass="code", wrapcode=True, encoding=None
    )
    return Markup(highlight(text, LEXERS[language](stripnl=False), formatter))
