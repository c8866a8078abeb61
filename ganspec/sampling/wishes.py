"""Labels that a person asks for: `3`, `red cube,blue sphere`, `all`, or a file of conditions."""

from __future__ import annotations

from pathlib import Path

import torch

from ganspec.kinds.datasets.objects import read_json
from ganspec.language.errors import GanspecError, nearest
from ganspec.runs.run import Run
from ganspec.systems.spec import Spec


class LabelError(GanspecError):
    """A label that the run's data set does not have."""


def read_wish(text: str, spec: Spec, names: list[str]) -> torch.Tensor:
    """The labels that `text` asks for, a row each.

    int64 N for classes, float N x size for multi-hot labels. A comma stands between classes, and
    between the labels of one multi-hot row; a semicolon between such rows; `all` is each label by
    itself. A `.json` file is a list of names, or of lists of names, as i-CLEVR's `test.json` is.
    `names` are those of the labels, in order; numbers are accepted for them. Raises LabelError.
    """
    if not (spec.takes_labels and spec.labelled):
        raise LabelError(f"{spec.name} has no condition: its images cannot be asked for by label")
    several = spec.labelled.kind == "multi_hot"
    size = int(spec.labelled.size)
    names = names[:size]  # a stranger's run may name more
    if text.endswith(".json"):
        wishes = _from_file(Path(text), several)
    elif text.strip() == "all" and "all" not in names:
        wishes = [[index] for index in range(size)]
    else:
        wishes = _from_text(text, names, several)
    found = [[_index(str(name), names, size) for name in wish] for wish in wishes]
    if not several:
        return torch.tensor([index for (index,) in found])
    marks = torch.zeros(len(found), size)
    for row, indices in zip(marks, found, strict=True):
        row[indices] = 1
    return marks


def names_of(run: Run, spec: Spec) -> list[str]:
    """The names of the labels that a run was trained on, in order.

    They are in `run.json`. Of a run that has none there they are the data set's; none where a
    file that is elsewhere has them, since numbers do too.
    """
    found = run.info().get("classes")
    if isinstance(found, list) and found and all(isinstance(name, str) for name in found):
        return found
    try:
        return spec.data.dataset.classes(None)
    except (OSError, ValueError):
        return []


def _from_text(text: str, names: list[str], several: bool) -> list[list[str]]:
    if text.strip() in names:  # whose comma is its own
        return [[text.strip()]]
    if several:
        return [[part.strip() for part in row.split(",")] for row in text.split(";")]
    return [[part.strip()] for part in text.split(",")]


def _from_file(path: Path, several: bool) -> list[list[object]]:
    try:
        wishes = read_json(path)
    except FileNotFoundError:
        raise LabelError(f"{path} does not exist") from None
    except (OSError, ValueError) as error:
        raise LabelError(str(error)) from error
    wishes = list(wishes.values()) if isinstance(wishes, dict) else wishes
    if not isinstance(wishes, list) or not wishes:
        raise LabelError(f"{path} is no list of labels")
    wishes = [wish if isinstance(wish, list) else [wish] for wish in wishes]
    if not several and any(len(wish) != 1 for wish in wishes):
        raise LabelError(f"{path} asks for several labels at once, or for none: images have one")
    return wishes


def _index(name: str, names: list[str], size: int) -> int:
    if name in names:
        return names.index(name)
    if name.isascii() and name.isdigit() and int(name) < size:
        return int(name)
    if close := nearest(name, names):
        raise LabelError(f"no label is called `{name}`: try `{close}`")
    if not names:
        unknown = f"`{name}` cannot be found, as neither the run nor its data set has names here"
        raise LabelError(f"{unknown}: give a number below {size}")
    some = f"one of {', '.join(names[:3])}, ... or"
    raise LabelError(f"no label is called `{name}`: give {some} a number below {size}")
