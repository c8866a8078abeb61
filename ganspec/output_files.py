"""Output files of the commands, which replace a file of the user only with `--overwrite`."""

from __future__ import annotations

from pathlib import Path

from ganspec.atomic import would_replace, write_text
from ganspec.console import fail, with_suffix
from ganspec.seal import is_emitted
from ganspec.streams import is_stdout


def require_file(target: Path | None, overwrite: bool) -> None:
    """Call `fail` if `overwrite` is True, but `target` is None or standard output."""
    if overwrite and (target is None or is_stdout(target)):
        fail("--overwrite replaces a file, and none is named: leave it out, or add -o FILE")


def free_file(out: Path | None, overwrite: bool, *suffixes: str) -> Path | None:
    """Return the file `out`, with the first of `suffixes` added if it has none; None for None.

    Streams, and existing files without a suffix, stay as they are. Call `fail` if `out` has another
    suffix, if the file exists and `overwrite` is False, or if `overwrite` is True and `out` is None
    or standard output.
    """
    require_file(out, overwrite)
    out = with_suffix(out, *suffixes) if out is not None else None
    if out and would_replace(out) and not overwrite:
        fail(f"{out} exists; add --overwrite, or choose another -o")
    return out


def write_unless_edited(target: Path, text: str, overwrite: bool) -> None:
    """Write `text` to `target`. Call `fail` if that would replace a file of the user.

    Without `overwrite`, a file is replaced only if it has a checksum of ganspec that still matches.
    """
    require_file(target, overwrite)
    if would_replace(target) and not is_emitted(target.read_bytes()) and not overwrite:
        # if `text` has no checksum, nothing tells if the file in its place was edited
        problem = "is not as ganspec wrote it" if is_emitted(text.encode()) else "exists"
        fail(f"{target} {problem}; add --overwrite, or choose another -o")
    write_text(target, text)
