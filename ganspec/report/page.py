"""HTML from templates. A page is one file that loads no others, in light or dark colours."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from pathlib import Path

import jinja2


def page(template: str, **context: object) -> str:
    """Return the HTML of a template in this folder, filled with the values in `context`.

    Values are escaped, except `markupsafe.Markup`. All templates but the notebook's extend
    `page.html.jinja`, whose content security policy lets a browser use only the styles and pictures
    in the page, and the script in the template's block `script`, which on the page of `ganspec
    serve` may call its server. So even markup that was not escaped could run no code, load no file
    and send no form.
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


def data_uri(data: bytes, form: str) -> str:
    """Return a picture as a `data:` address, which makes it part of a page.

    `form` is the end of its media type, such as `png` or `svg+xml`.
    """
    return f"data:image/{form};base64,{base64.b64encode(data).decode('ascii')}"


def fingerprint(script: str) -> str:
    """Return the hash by which a content security policy allows a script: `sha256-47DEQp...`."""
    digest = hashlib.sha256(str(script).encode("utf-8")).digest()
    return f"sha256-{base64.b64encode(digest).decode('ascii')}"
