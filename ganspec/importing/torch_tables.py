"""Parser of tables that torchsummary and torchinfo print."""

from __future__ import annotations

import re
from itertools import pairwise

from ganspec.importing.graph import Shape
from ganspec.importing.python_file import UnreadableError
from ganspec.importing.rows import Row, Table, total_of

HEADER = re.compile(r"\s*Layer \(type.*\)\s.*Output Shape\s+Param #")
SUMMARY_ROW = re.compile(r"\s*([A-Za-z]\w*)-(\d+)\s+(\[[-\d, ]*\])\s+([\d,]+)\s*$")
# `├─Conv2d: 2-1`, or with the names of attributes `├─Conv2d (first): 2-1`
INFO_ROW = re.compile(r"[\s│├└─]*([A-Za-z]\w*)(?: \([\w.]+\))?: (\d+)-(\d+)\s")
ROOT = re.compile(r"([A-Za-z]\w*)(?: \([\w.]+\))?\s+\[")


def is_torch_table(lines: list[str]) -> bool:
    """Return True if torchsummary or torchinfo printed one of the lines."""
    return any(SUMMARY_ROW.match(line) or "depth-idx" in line for line in lines)


def read_torch_tables(lines: list[str], name: str) -> list[Table]:
    """Return every network printed in `lines`; one without a name is called `name`.

    Raise UnreadableError if there is no table.
    """
    heads = [i for i, line in enumerate(lines) if HEADER.match(line)]
    if not heads:
        wanted = "`Layer (type)  Output Shape  Param #`"
        raise UnreadableError(f"{name} has no line {wanted}; print these columns, in this order")
    tables = []
    for at, end in pairwise([*heads, len(lines)]):
        table = Table(name)
        leaves: list[tuple[int, Row]] = []  # with the depth in the tree
        for line in lines[at + 1 : end]:
            if total := total_of(line):
                table.totals[total[0]] = total[1]
            elif table.totals:
                break
            elif match := SUMMARY_ROW.match(line):
                leaves.append((0, _row(match[1], match[2], match[3], match[4])))
            elif match := INFO_ROW.match(line):
                cells = line[lines[at].index("Output Shape") :], line[lines[at].index("Param #") :]
                depth = int(match[2])
                if leaves and depth > leaves[-1][0]:
                    leaves.pop()  # its inner modules have their own rows
                leaves.append((depth, _row(match[1], f"{match[2]}-{match[3]}", *cells)))
            elif match := ROOT.match(line):
                table.name = match[1]
        table.rows = [row for _, row in leaves]
        tables.append(table)
    return tables


def _row(kind: str, number: str, shape: str, count: str) -> Row:
    digits = re.match(r"\s*\(?([\d,]+)", count)
    params = int(digits[1].replace(",", "")) if digits else 0
    return Row(f"{kind}-{number}", kind, _shape(shape), params, [], framework="torch")


def _shape(cell: str) -> Shape | None:
    """Return the shape in brackets without the batch; None if there is none."""
    match = re.match(r"\s*\[([-\d, ]*)\]", cell)
    sizes = [int(part) for part in match[1].split(",") if part.strip()] if match else []
    return tuple(sizes[1:]) or None
