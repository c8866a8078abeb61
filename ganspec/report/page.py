"""The shell of HTML pages: one file that needs no other, light or dark, on screens and on paper."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from pathlib import Path

import jinja2


def page(template: str, **context: object) -> str:
    """The page that `template`, which extends `page.html.jinja`, makes of `context`.

    Values are escaped, but for `markupsafe.Markup`. Browsers are told to load nothing from
    elsewhere and to run the template's block `script` alone, so that text which slips through
    as markup stays text.
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
    """The name by which a page's policy allows a script, such as `sha256-47DEQp...`."""
    digest = hashlib.sha256(str(script).encode("utf-8")).digest()
    return f"sha256-{base64.b64encode(digest).decode('ascii')}"
