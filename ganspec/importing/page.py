"""Writing of layers and plain data as YAML, with notes as comments."""

from __future__ import annotations

import json
import re

from ganspec.importing.entries import Data, Entry, is_layers, shortened, walk
from ganspec.language.errors import printable
from ganspec.language.expr import Width
from ganspec.program.spelling import number

WIDTH = 90  # most characters of a line that holds a list of layers
MARGIN = 40  # column in which a comment begins, unless the line is longer
# texts that need no quotes: words, and formulas such as `8 * ngf`
PLAIN = re.compile(r"[a-z][a-z0-9_]*( [-+*/]{1,2} [a-z0-9_]+)*|[0-9]+( [-+*/]{1,2} [a-z0-9_]+)+")


def flow(value: Data) -> str:
    """Return plain data as YAML on one line."""
    if isinstance(value, Entry):
        return flow(shortened(value.kind or "", value.fields, value.primary))
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {flow(part)}" for key, part in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(flow, value)) + "]"
    if isinstance(value, float):
        return number(value)
    if isinstance(value, Width):
        return value.text
    if isinstance(value, str):
        return value if PLAIN.fullmatch(value) else json.dumps(value)
    return json.dumps(value)


def remark(text: str) -> str:
    """Return `text` as a YAML comment, with line breaks as spaces."""
    return f"# {printable(' '.join(text.split()))}"


def noted(line: str, note: str) -> str:
    """Return `line`, with `note` after it as a comment unless `note` is empty."""
    if not note:
        return line
    return (line.ljust(MARGIN) if len(line) < MARGIN else f"{line}  ") + remark(note)


def layer_lines(entries: list[Entry], indent: int = 4) -> list[str]:
    """Return layers as lines of YAML after `indent` spaces; a short layer takes one line."""
    return [line for entry in entries for line in _lines(entry, indent)]


def _lines(entry: Entry, indent: int) -> list[str]:
    space = " " * indent
    inner = list(entry.inner())
    has_notes = any(part.note for layers in inner for part in walk(layers))
    if not has_notes:
        text = flow(entry)
        # a map of one key is written `- conv: 8`, without braces
        line = f"{space}- {text[1:-1] if text.startswith('{') else text}"
        if not inner or (sum(map(len, inner)) <= 4 and len(line) <= WIDTH):
            return [noted(line, entry.note)]
    lines = [noted(f"{space}- {entry.kind}:", entry.note)]
    for key, value in entry.fields.items():
        flat = f"{space}    {key}: "
        if not is_layers(value):
            lines.append(flat + flow(value))
        elif list(entry.fields) == ["main"]:  # a residual with this field alone: no key `main`
            lines += layer_lines(value, indent + 4)
        elif has_notes or key in ("main", "skip") or len(flat + flow(value)) > WIDTH:
            lines += [flat.rstrip(), *layer_lines(value, indent + 6)]
        else:
            lines.append(flat + flow(value))
    return lines
