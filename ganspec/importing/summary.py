"""Parser of printed tables, such as those of Keras's `model.summary()`, plain or in boxes."""

from __future__ import annotations

import re
from itertools import pairwise

from ganspec.importing.graph import Shape
from ganspec.importing.python_file import UnreadableError
from ganspec.importing.rows import Row, Table, total_of
from ganspec.importing.torch_tables import is_torch_table, read_torch_tables

BARS = "│┃|"
HEADER = ("Layer", "Output Shape", "Param #", "Connected to")
RULE = re.compile(r"[\s_=\-─━┏┳┓┡╇┩├┼┤└┴┘╭┬╮╰╯+]*")
NESTED = re.compile(r"\s*(\|¯|[│┃|]?\s*└\s+\w)")  # a model inside another one
LONGEST = 1_000_000  # most characters of a file


def read_tables(text: str, name: str) -> list[Table]:
    """Return every model printed in `text`; `name` is that of the text, and of nameless models.

    Raise UnreadableError if `text` is longer than LONGEST, has no table, or if Keras printed it
    with `expand_nested`.
    """
    if len(text) > LONGEST:
        raise UnreadableError(f"{name} has over {LONGEST:,} characters; keep only the tables")
    lines = [re.sub(r"\x1b\[[0-9;]*m", "", line) for line in text.splitlines()]  # colours
    if is_torch_table(lines):
        return read_torch_tables(lines, name)
    heads = [i for i, line in enumerate(lines) if all(word in line for word in HEADER[:3])]
    if not heads:
        raise UnreadableError(
            f"{name} has no line `Layer (type)  Output Shape  Param #`; "
            "save all that model.summary() prints"
        )
    if any(NESTED.match(line) for line in lines):
        raise UnreadableError(
            f"{name} was printed with `expand_nested`; print each model's own table instead"
        )
    tables = []
    for at, end in pairwise([*heads, len(lines)]):
        table = Table(_title(lines[:at], name))
        _fill(table, lines[at], lines[at + 1 : end])
        tables.append(table)
    return tables


def _title(before: list[str], name: str) -> str:
    """Return the model's name in the last lines before a table; `name` if they have none."""
    for line in reversed(before[-6:]):
        if match := re.match(r'\s*Model: "?([^"]*)"?\s*$', line):
            return match[1]
    return name


def _fill(table: Table, header: str, lines: list[str]) -> None:
    """Fill `table` with the rows and the parameter sums of `lines`, which follow its `header`."""
    boxed = any(bar in header for bar in BARS)
    starts = [header.index(word) for word in HEADER if word in header]
    cells: list[list[str]] = []
    for line in lines:
        if total := total_of(line):
            table.totals[total[0]] = total[1]
        elif not table.totals and not RULE.fullmatch(line) and line.strip():
            parts = _split(line, boxed, starts)
            if re.search(r"\d", parts[2]) or not cells:  # a row's first line has a parameter count
                cells.append(parts)
            else:
                cells[-1] = [f"{a}\n{b}" for a, b in zip(cells[-1], parts, strict=True)]
    table.rows = [_row(parts) for parts in cells]


def _split(line: str, boxed: bool, starts: list[int]) -> list[str]:
    """Return the four cells of a line, split at bars if the table is boxed, else at `starts`.

    `starts` are the columns, from 0, at which cells begin. Missing cells are `""`.
    """
    if boxed:
        cells = [cell.strip() for cell in re.split(f"[{BARS}]", line)[1:]]
    else:
        ends = [*starts[1:], len(line)]
        cells = [line[a:b].strip() for a, b in zip(starts, ends, strict=True)]
    return [*cells, "", "", "", ""][:4]


def _row(cells: list[str]) -> Row:
    name, shape, params, sources = cells
    label = _joined(name)
    match = re.match(r"(.*?)\s*\((.*?)\)?\s*$", label)
    title, kind = (match[1], match[2]) if match else (label, "")
    count = int(re.sub(r"\D", "", params) or 0)
    # without the indices of outputs, `[0][0]`, which may be cut short
    names = re.findall(r"[\w./-]+…?", re.sub(r"\[[\d\[\]]*…?", " ", sources))
    return Row(
        title.strip(), kind, _shape(shape), count, names, is_cut="(" in shape and ")" not in shape
    )


def _joined(cell: str) -> str:
    """Join the lines of a cell by spaces, except in parentheses, where lines may break a word."""
    lines = [line.strip() for line in cell.split("\n") if line.strip()]
    text = lines[0] if lines else ""
    for line in lines[1:]:
        text += line if "(" in text and ")" not in text else f" {line}"
    return text


def _shape(cell: str) -> Shape | None:
    """Return a printed shape, channels first, without the batch; None if a size is not printed."""
    match = re.search(r"\(([^()]*)(?:\)|…?$)", cell.replace("\n", " "))
    parts = [p.strip() for p in match[1].split(",") if p.strip()] if match else []
    if not parts or not all(p.isdigit() for p in parts[1:]):
        return None
    sizes = tuple(map(int, parts[1:]))
    return (sizes[-1], *sizes[:-1]) if len(sizes) > 1 else sizes
