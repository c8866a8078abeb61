"""Entries as the text of a spec, with remarks."""

from __future__ import annotations

import json
import re

from ganspec.importing.entries import Entry, shortened
from ganspec.language.errors import printable
from ganspec.language.expr import Width
from ganspec.program.spelling import number

WIDTH = 90
PLAIN = re.compile(r"[a-z][a-z0-9_]*( [-+*/]{1,2} [a-z0-9_]+)*|[0-9]+( [-+*/]{1,2} [a-z0-9_]+)+")


def flow(value: object) -> str:
    """Plain data as YAML on one line."""
    if isinstance(value, Entry):
        return flow(shortened(value.kind, value.fields, value.primary))
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {flow(part)}" for key, part in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(flow, value)) + "]"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return number(value)
    if isinstance(value, Width):
        return value.text
    if isinstance(value, int):
        return str(value)
    return value if PLAIN.fullmatch(value) else json.dumps(value)


def remark(text: str) -> str:
    """A comment that cannot end early."""
    return f"# {printable(' '.join(text.split()))}"


def noted(line: str, note: str) -> str:
    """`line` with a remark behind it."""
    return f"{line:<40}{remark(note)}" if note and len(line) < 40 else _behind(line, note)


def _behind(line: str, note: str) -> str:
    return f"{line}  {remark(note)}" if note else line


def layers(entries: list[Entry], indent: int = 4) -> list[str]:
    """A list of layers, one to a line where that fits."""
    return [line for entry in entries for line in _entry(entry, indent)]


def _entry(entry: Entry, indent: int) -> list[str]:
    space = " " * indent
    if entry.kind is None:
        return [f"{space}{remark(entry.note)}"]
    inner = list(entry.inner())
    remarks = any(e.note for part in inner for top in part for e in top.walk())
    if not remarks:
        text = flow(entry)
        # one key, as `conv: 8`, needs no braces behind the dash
        line = f"{space}- {text[1:-1] if text.startswith('{') else text}"
        few = sum(len(part) for part in inner) <= 4
        if not inner or (few and len(line) <= WIDTH):
            return [noted(line, entry.note)]
    found = [noted(f"{space}- {entry.kind}:", entry.note)]
    if list(entry.fields) == ["main"]:  # as a bare list
        return [*found, *layers(entry.fields["main"], indent + 4)]
    for key, value in entry.fields.items():
        is_layers = isinstance(value, list) and value and isinstance(value[0], Entry)
        opened = is_layers and (remarks or key in ("main", "skip"))
        flat = "" if opened else f"{space}    {key}: {flow(value)}"
        if opened or (is_layers and len(flat) > WIDTH):
            found += [f"{space}    {key}:", *layers(value, indent + 6)]
        else:
            found.append(flat)
    return found
