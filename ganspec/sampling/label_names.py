"""Find the labels that users name: `3`, `red cube,blue sphere`, `all`, or a file of conditions."""

from __future__ import annotations

from numbers import Integral
from pathlib import Path

import torch

from ganspec.kinds.datasets.objects import read_json
from ganspec.language.errors import GanspecError, nearest
from ganspec.runs.run import Run
from ganspec.systems.spec import Spec


class LabelError(GanspecError):
    """Raised when a run cannot draw the labels that a user asks for."""


def find_labels(text: str, spec: Spec, names: list[str]) -> torch.Tensor:
    """Return the labels that `text` names: int64 N for classes, float N x size for multi-hot ones.

    Commas separate classes. For multi-hot labels, semicolons separate rows, and commas the classes
    of one row. `all` means each class alone, in order. If `text` is the path of a `.json` file, the
    file holds a list of classes, or of lists of classes, as i-CLEVR's `test.json` does, or a map
    with such entries as values. A class is one of `names`, which are in the order of their indices,
    or an index. Raises LabelError if a class is unknown, if the file cannot be read, or if the spec
    has no condition.
    """
    if not (spec.takes_labels and spec.labelled):
        raise LabelError(
            f"{spec.name} has no condition, so its images cannot be asked for by label: leave the "
            "label out"
        )
    is_multi_hot = spec.labelled.kind == "multi_hot"
    size = int(spec.labelled.size)
    names = names[:size]  # an edited `run.json` may have more
    if text.endswith(".json"):
        rows = _from_file(Path(text), is_multi_hot)
    elif text.strip() == "all" and "all" not in names:
        rows = [[str(index)] for index in range(size)]
    else:
        rows = _from_text(text, names, is_multi_hot)
    indices = [[_index(name, names, size) for name in row] for row in rows]
    if not is_multi_hot:
        return torch.tensor([index for (index,) in indices])
    labels = torch.zeros(len(indices), size)
    for label, chosen in zip(labels, indices, strict=True):
        label[chosen] = 1
    return labels


def label_text(label: object) -> str:
    """Return a number or text that Python code gives, as `find_labels` reads it.

    Raises LabelError if `label` is anything else.
    """
    if isinstance(label, bool) or not isinstance(label, str | Integral):
        raise LabelError(f"label is {label!r}: name a number, or a text such as `3,4`")
    return str(label)


def label_names(run: Run, spec: Spec) -> list[str]:
    """Return the names of the classes that a run was trained on, in order.

    They are those in `run.json`, or else those that were published with the data set. Return [] if
    there are neither. The data set's folder is not read.
    """
    if names := run.class_names:
        return names
    try:
        return spec.data.dataset.classes(None)
    except (OSError, ValueError):
        return []


def _from_text(text: str, names: list[str], is_multi_hot: bool) -> list[list[str]]:
    if text.strip() in names:  # a name may contain a comma
        return [[text.strip()]]
    if is_multi_hot:
        return [[part.strip() for part in row.split(",")] for row in text.split(";")]
    return [[part.strip()] for part in text.split(",")]


def _from_file(path: Path, is_multi_hot: bool) -> list[list[str]]:
    try:
        rows = read_json(path)
    except FileNotFoundError:
        raise LabelError(f"{path} does not exist") from None
    except (OSError, ValueError) as error:
        raise LabelError(str(error)) from error
    rows = list(rows.values()) if isinstance(rows, dict) else rows
    if not isinstance(rows, list) or not rows:
        raise LabelError(f"{path} holds no list of labels: write a JSON list of classes")
    rows = [[str(name) for name in row] if isinstance(row, list) else [str(row)] for row in rows]
    if not is_multi_hot and any(len(row) != 1 for row in rows):
        raise LabelError(f"{path} has an entry with no class or several: name one for each image")
    return rows


def _index(name: str, names: list[str], size: int) -> int:
    if name in names:
        return names.index(name)
    if name.isascii() and name.isdigit() and int(name) < size:
        return int(name)
    if name == "all":
        raise LabelError("`all` names every label, so it stands alone: leave the others out")
    if close := nearest(name, names):
        raise LabelError(f"no label is called `{name}`: try `{close}`")
    if not names:
        reason = f"`{name}` cannot be found, as neither the run nor its data set has names here"
        raise LabelError(f"{reason}: give a number below {size}")
    examples = f"one of {', '.join(names[:3])}{', ...' if len(names) > 3 else ''} or"
    raise LabelError(f"no label is called `{name}`: give {examples} a number below {size}")
