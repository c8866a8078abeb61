"""A short sum in an emitted file's head, by which ganspec knows what nobody has edited."""

from __future__ import annotations

import hashlib
import re

BLANK = "0" * 8
SEAL = re.compile(rb"(Written by ganspec from the spec `[a-z0-9_]+`) \(([0-9a-f]{8})\)")


def sealed(source: str) -> str:
    """`source`, whose head holds a blank seal, with its own sum there."""
    return source.replace(f"({BLANK})", f"({_sum(source.encode())})", 1)


def is_emitted(data: bytes) -> bool:
    """Whether a file is just as ganspec once wrote it."""
    found = SEAL.search(data[:4000])
    if not found:
        return False
    blank = data[: found.start(2)] + BLANK.encode() + data[found.end(2) :]
    return _sum(blank) == found[2].decode()


def _sum(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[: len(BLANK)]
