"""Diagnostics of specs in forms for other programs: annotations on GitHub, JSON and SARIF."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import quote

from ganspec.language.errors import Diagnostic, printable
from ganspec.streams import DASH, STDIN
from ganspec.version import VERSION

Findings: TypeAlias = Sequence[tuple[Path, Sequence[Diagnostic]]]
"""Each checked file with its diagnostics."""

SETTING = "--set"  # stands for the name of the file if a mistake is in a setting of that option
# the characters that become percent codes in the text and in the values of a GitHub command
TEXT, VALUE = "%\r\n", "%\r\n:,"
SARIF = "https://json.schemastore.org/sarif-2.1.0.json"


def github(findings: Findings) -> str:
    """Return a line for each diagnostic, a workflow command of GitHub; "" without diagnostics.

    GitHub shows a diagnostic at its place, if that is in a file. Equal commands are written once.
    """
    commands = (f"{_command(path, each)}\n" for path, found in findings for each in found)
    return "".join(dict.fromkeys(commands))  # specs that extend one file repeat its diagnostics


def as_json(findings: Findings) -> str:
    """Return the diagnostics of each checked file as JSON."""
    specs = [
        {
            "spec": str(path),
            "ok": all(each.severity != "error" for each in found),
            "diagnostics": [_data(path, each) for each in found],
        }
        for path, found in findings
    ]
    return json.dumps({"specs": specs}, indent=2) + "\n"


def sarif(findings: Findings) -> str:
    """Return the diagnostics as a log in SARIF 2.1.0, for code scanning, equal ones once."""
    codes = dict.fromkeys(each.code for _, found in findings for each in found)
    results = (_result(path, each) for path, found in findings for each in found)
    driver = {
        "name": "ganspec",
        "version": VERSION,
        "rules": [{"id": code} for code in codes],
    }
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "results": list({json.dumps(result): result for result in results}.values()),
    }
    return json.dumps({"$schema": SARIF, "version": "2.1.0", "runs": [run]}, indent=2) + "\n"


def _name(path: Path, found: Diagnostic) -> str:
    """Return the name of what has a mistake: a file, `--set`, or `<stdin>`.

    A diagnostic without a place counts as a mistake in the checked file, `path`.
    """
    checked = STDIN if str(path) == DASH else str(path)
    return found.mark.text.name if found.mark else checked


def _file(path: Path, found: Diagnostic) -> str | None:
    """Return the name of the file with a mistake; None if it is in a `--set` or standard input.

    GitHub finds no file `a/../b.yaml`, so this name becomes `b.yaml` if that is the same file.
    """
    name = _name(path, found)
    if name in (SETTING, STDIN):
        return None
    short = os.path.normpath(name) if os.path.isabs(name) else os.path.relpath(name)
    return short if os.path.realpath(short) == os.path.realpath(name) else name


def text_of(found: Diagnostic) -> str:
    """Return the message, each note, and the help of a diagnostic, with a line for each."""
    help = [f"help: {found.help}"] if found.help else []
    lines = [found.message, *(f"note: {note}" for note in found.notes), *help]
    return "\n".join(map(printable, lines))


def _command(path: Path, found: Diagnostic) -> str:
    """Return a diagnostic as `::error file=NAME,line=3,...::TEXT`, a GitHub workflow command."""
    place: dict[str, object] = {"file": _file(path, found)}
    if found.mark and place["file"]:
        place |= {"line": found.mark.line, "col": found.mark.column, "endColumn": found.mark.end}
    place["title"] = f"ganspec {found.code}"
    known = ((key, str(value)) for key, value in place.items() if value is not None)
    properties = ",".join(f"{key}={_escaped(value, VALUE)}" for key, value in known)
    return f"::{found.severity} {properties}::{_escaped(text_of(found), TEXT)}"


def _escaped(text: str, characters: Iterable[str]) -> str:
    """Return `text` with each of `characters` as a percent code, such as `%0A`.

    `%` must be the first of `characters`, or else the `%` of codes would be replaced, too.
    """
    for character in characters:
        text = text.replace(character, f"%{ord(character):02X}")
    return text


def _data(path: Path, found: Diagnostic) -> dict[str, Any]:
    mark = found.mark
    return {
        "severity": found.severity,
        "code": found.code,
        "message": found.message,
        "file": _name(path, found),
        "line": mark.line if mark else None,
        "column": mark.column if mark else None,
        "end_column": mark.end if mark else None,
        "notes": list(found.notes),
        "help": found.help,
    }


def _result(path: Path, found: Diagnostic) -> dict[str, Any]:
    """Return a diagnostic as a SARIF result, without a location if no file has the mistake."""
    result = {
        "ruleId": found.code,
        "level": found.severity,
        "message": {"text": text_of(found)},
    }
    file = _file(path, found)
    if file is None:
        return result
    place: dict[str, Any] = {"artifactLocation": {"uri": _uri(file)}}
    if mark := found.mark:
        region = {"startLine": mark.line, "startColumn": mark.column, "endColumn": mark.end}
        place["region"] = region
    return {**result, "locations": [{"physicalLocation": place}]}


def _uri(file: str) -> str:
    """Return a file's name as a URI: `file:///...` for an absolute path, else a relative one."""
    path = Path(file)
    return path.as_uri() if path.is_absolute() else quote(path.as_posix())
