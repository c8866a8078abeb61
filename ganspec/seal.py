"""Checksums in written files, by which ganspec recognises a file that nobody has edited.

The checksum is in the first lines of emitted source, of graphs, and of tables in Markdown or LaTeX,
and at the end of a report's page.
"""

from __future__ import annotations

import hashlib
import re

BLANK = "0" * 8  # stands for the checksum until it is known
HEAD = re.compile(rb"Written by ganspec from the spec `([a-z0-9_]+)` \(([0-9a-f]{8})\)")
END = re.compile(rb"<!-- made by ganspec report ([0-9a-f]{16}) -->\n\Z")


def sealed(text: str) -> str:
    """Return `text` with its checksum in place of `(00000000)`, which is in its first lines."""
    return text.replace(f"({BLANK})", f"({_checksum(text.encode())[: len(BLANK)]})", 1)


def is_emitted(data: bytes, name: str | None = None) -> bool:
    """Return True if `data`, the bytes of a file, are unchanged since ganspec emitted them.

    The checksum in the first lines must match the bytes. With `name`, these lines must also name
    the spec `name`.
    """
    seal = HEAD.search(data[:4000])
    if not seal or name not in (None, seal[1].decode()):
        return False
    blank = data[: seal.start(2)] + BLANK.encode() + data[seal.end(2) :]
    return _checksum(blank).startswith(seal[2].decode())


def sealed_page(text: str) -> str:
    """Return a report's page with its checksum in a comment at the end."""
    return f"{text}<!-- made by ganspec report {_checksum(text.encode())[:16]} -->\n"


def is_report(data: bytes) -> bool:
    """Return True if `data` is a report's page that nobody has changed since ganspec wrote it."""
    seal = END.search(data, max(0, len(data) - 200))
    return seal is not None and _checksum(data[: seal.start()]).startswith(seal[1].decode())


def _checksum(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
