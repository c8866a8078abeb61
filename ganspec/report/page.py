"""The frame of HTML pages: one self-contained file, light or dark, for screens and paper."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from pathlib import Path

import jinja2


def page(template: str, **context: object) -> str:
    """Return the page that `template`, which extends `page.html.jinja`, makes of `context`.

    Values are escaped, but for `markupsafe.Markup`. The page's policy lets browsers load nothing
    from elsewhere and run only the template's block `script`, so text that slips through as markup
    does no harm.
    """
    return _environment().get_template(template).render(context)


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["fingerprint"] = fingerprint
    return environment


def fingerprint(script: str) -> str:
    """Return the name of a script in a page's policy, such as `sha256-47DEQp...`."""
    digest = hashlib.sha256(str(script).encode("utf-8")).digest()
    return f"sha256-{base64.b64encode(digest).decode('ascii')}"
