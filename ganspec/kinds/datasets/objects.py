"""Label files of i-CLEVR, which list the objects in each image."""

from __future__ import annotations

import json
from pathlib import Path

import torch


def solid_words():
    """Return lists of the colours, in `shade_solids`'s order, and of the shapes."""
    colours = "gray red blue green brown purple cyan yellow"
    return colours.split(), ["cube", "sphere", "cylinder"]


def read_json(path):
    """Return the content of a JSON file. Raise ValueError if it is not JSON."""
    try:
        return json.loads(Path(path).read_text("utf-8"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} is not JSON: {error}") from error


def read_objects(path):
    """Read `objects.json`. Return a dict from object name to index."""
    index = read_json(path)
    values = list(index.values()) if isinstance(index, dict) else []
    are_whole = all(type(value) is int for value in values)
    if not values or not are_whole or sorted(values) != list(range(len(values))):
        example = '{"red cube": 0, "red sphere": 1}'
        raise ValueError(f"{path} does not number objects from 0, as {example}")
    if len(values) != 24:
        raise ValueError(f"{path} numbers {len(values)} objects, not i-CLEVR's 24")
    return index


def object_names(path):
    """Return the object names in an `objects.json`, sorted by index."""
    index = read_objects(path)
    return sorted(index, key=index.__getitem__)


def check_labels(path, labels, index):
    """Raise ValueError unless `labels` maps file names to lists of names in `index`."""
    if not isinstance(labels, dict) or not labels:
        raise ValueError(f"{path} is not a map of images to lists of objects")
    for image, objects in labels.items():
        if not isinstance(objects, list):
            raise ValueError(f"{path} has no list of objects for {image!r}")
        for name in objects:
            if not isinstance(name, str) or name not in index:
                where = f"for {image!r}, not in objects.json"
                raise ValueError(f"{path} has {name!r} {where}")


def read_labels(path, checked=True):
    """Return two dicts: lists of objects by image file, and indices by object."""
    path = Path(path)
    if checked:
        labels, index = read_json(path), read_objects(path.with_name("objects.json"))
        check_labels(path, labels, index)
    else:
        labels = json.loads(path.read_text("utf-8"))
        index = json.loads(path.with_name("objects.json").read_text("utf-8"))
    return labels, index


def check_conditions(path):
    """Raise ValueError unless a JSON file is a list, or a dict, of lists of objects."""
    rows, index = read_json(path), read_objects(Path(path).with_name("objects.json"))
    if isinstance(rows, list):
        rows = {f"condition {number}": row for number, row in enumerate(rows, 1)}
    if not isinstance(rows, dict) or not rows:
        raise ValueError(f"{path} is not a list of conditions, which are lists of objects")
    check_labels(path, rows, index)


def read_conditions(path):
    """Return the conditions in a JSON file as multi-hot labels, float N x objects."""
    rows = json.loads(path.read_text("utf-8"))
    index = json.loads(path.with_name("objects.json").read_text("utf-8"))
    return mark_objects(rows.values() if isinstance(rows, dict) else rows, index).float()


def mark_objects(labels, index):
    """Return multi-hot labels, uint8 N x objects, of N lists of object names."""
    marks = torch.zeros(len(labels), len(index), dtype=torch.uint8)
    for row, names in zip(marks, labels, strict=True):
        row[[index[name] for name in names]] = 1
    return marks
