"""Tables of labels, with a row for each image file and columns of attributes, or one of classes."""

from __future__ import annotations

import csv
import warnings
from itertools import pairwise
from pathlib import Path

import torch


def read_table(path, checked=True):
    """Return the names of a table's labels, and each file's values by the file's name.

    The table is CSV, or has semicolons or tabs in place of commas. Its first line names
    the columns, of which the first holds the file names. Or it is CelebA's file
    `list_attr_celeba.txt`: a line with the number of files, a line of the attributes'
    names, then a row for each file.
    """
    try:
        lines = Path(path).read_text("utf-8-sig").splitlines()
    except UnicodeDecodeError:
        raise ValueError(f"{path} is not UTF-8: save it as UTF-8") from None
    lines = [line for line in lines if line.strip()]
    if lines and lines[0].strip().isdigit():
        rows = [line.split() for line in lines]
        rows[:2] = [["file", *rows[1]]] if len(rows) > 1 else []
    else:
        try:
            rows = list(csv_rows(lines))
        except csv.Error as error:
            raise ValueError(f"{path}: {error}: close its quotes") from None
    if checked:
        check_table(path, rows)
    head, *rows = rows
    table = {name.strip(): [value.strip() for value in row] for name, *row in rows}
    return [name.strip() for name in head[1:]], table


def csv_rows(lines):
    """Return a reader of rows, whose values commas, semicolons or tabs divide."""
    mark = next((mark for mark in ",;\t" if mark in "".join(lines[:1])), ",")
    return csv.reader(lines, delimiter=mark, skipinitialspace=True)


def row_lines(path):
    """Return the number of the first line of each row that `read_table` finds."""
    lines = Path(path).read_text("utf-8-sig").splitlines()
    numbers = [number for number, line in enumerate(lines, 1) if line.strip()]
    lines = [lines[number - 1] for number in numbers]
    if lines and lines[0].strip().isdigit():
        return numbers[1:]
    starts, reader = [0], csv_rows(lines)
    starts += [reader.line_num for _ in reader]  # a value in quotes may have several lines
    return [numbers[start] for start in starts[:-1]]


def check_table(path, rows):
    """Raise ValueError unless `rows` are names, then one valid row for each file."""
    if len(rows) < 2 or len(rows[0]) < 2:
        form = "it needs a line `file,NAME,...`, then a row for each file"
        raise ValueError(f"{path} is no table of labels: {form}")
    seen: dict[str, int] = {}

    def at(index):  # the lines are found only for an error, since the file is read again
        return f"{path}:{row_lines(path)[index]}"

    for index, row in enumerate(rows[1:], 1):
        if len(row) != len(rows[0]):
            noun = "value" if len(row) == 2 else "values"
            values = f"{len(row) - 1} {noun}, not {len(rows[0]) - 1}"
            raise ValueError(f"{at(index)} has {values}, for {row[0]!r}")
        if first := seen.get(row[0].strip()):
            line = row_lines(path)[first]
            twice = f"a second row for {row[0]!r}, which has one in line {line}"
            raise ValueError(f"{at(index)} has {twice}: delete one")
        if not all(value.strip() for value in row[1:]):
            remedy = "write one, or delete the row"
            raise ValueError(f"{at(index)} has an empty value for {row[0]!r}: {remedy}")
        seen[row[0].strip()] = index
    for index, row in enumerate(rows[1:], 1) if len(rows[0]) > 2 else ():
        for value in map(str.strip, row[1:]):
            if value not in ("0", "1", "-1"):
                attributes = "attributes are 1 or 0, or 1 or -1"
                odd = f"the value {value!r} for {row[0]!r}"
                raise ValueError(f"{at(index)} has {odd}: {attributes}")


def is_attributes(table):
    """Return True if a table has attributes: all values of its rows are 0, 1 or -1."""
    return {"0", "1", "-1"}.issuperset(value for row in table.values() for value in row)


def sort_classes(table):
    """Return the sorted names of a table's classes: as numbers if all are digits."""
    names = {row[0] for row in table.values()}
    return sorted(names, key=int) if all(map(str.isdecimal, names)) else sorted(names)


def label_names(path):
    """Return the names of the attributes or of the classes in a table of labels."""
    names, table = read_table(path)
    return names if is_attributes(table) else sort_classes(table)


def check_rows(path, table, keys):
    """Warn of images without a row, and of rows without an image.

    `keys` are the images' names in the table. Raise ValueError if no image has a row,
    or if two images share one.
    """
    found = sorted(key for key in keys if key in table)
    if not found:
        raise ValueError(f"{path} has no row for any of the images, such as {keys[0]}")
    for first, second in pairwise(found):
        if first == second:
            two = f"two images called {first}: write their paths in it"
            raise ValueError(f"{path} has one row for {two}")
    if lacking := [key for key in keys if key not in table]:
        shown = ", ".join(lacking[:3]) + (", ..." if len(lacking) > 3 else "")
        count = f"{len(lacking)} of {len(keys)} images"
        message = f"left out {count} without a row in {path}: {shown}"
        warnings.warn(message, stacklevel=4)
    if more := len(table) - len(found):
        message = f"no image for {more} of the {len(table)} rows in {path}"
        warnings.warn(message, stacklevel=4)


def look_up_labels(folder, files, path, checked=True):
    """Return labels of `files` in a table, and a list: True if a file has a row.

    `path` is the table's file. A row names a file by its path from `folder`, or by its
    name alone. If all values are 0, 1 or -1, labels are uint8 N x attributes, and -1
    counts as 0. Otherwise the only column names classes, and labels are int64 N.
    """
    _, table = read_table(path, checked)
    keys = [file.relative_to(folder).as_posix() for file in files]
    keys = [key if key in table else Path(key).name for key in keys]
    if checked:
        check_rows(path, table, keys)
    rows = [table[key] for key in keys if key in table]
    if is_attributes(table):
        marks = [[value == "1" for value in row] for row in rows]
        labels = torch.tensor(marks, dtype=torch.uint8)
    else:
        index = {name: i for i, name in enumerate(sort_classes(table))}
        labels = torch.tensor([index[row[0]] for row in rows])
    return labels, [key in table for key in keys]
