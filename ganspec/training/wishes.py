"""Labels that a person asks for: `3`, `red cube,blue sphere`, or a file of conditions."""

from __future__ import annotations

from pathlib import Path

import torch

from ganspec.datasets.objects import read_json
from ganspec.language.errors import GanspecError, nearest
from ganspec.language.spec import Spec


class LabelError(GanspecError):
    """A label that the run's data set does not have."""


def read_wish(text: str, spec: Spec) -> torch.Tensor:
    """The label, or with a `.json` file the labels, that `text` asks for, a row each.

    int64 N for classes, float N x size for multi-hot labels, of which a comma separates several. A
    file is a list of names, or of lists of names, as i-CLEVR's `test.json` is. Names are those of
    the data set; numbers are accepted for them. Raises LabelError.
    """
    if spec.condition is None:
        raise LabelError(f"{spec.name} has no condition: its images cannot be asked for by label")
    several = spec.condition.kind == "multi_hot"
    if text.endswith(".json"):
        wishes = _from_file(Path(text), several)
    else:
        wishes = [[part.strip() for part in text.split(",")] if several else [text.strip()]]
    names, size = spec.data.dataset.classes(None), int(spec.condition.size)
    found = [[_index(str(name), names, size) for name in wish] for wish in wishes]
    if not several:
        return torch.tensor([index for (index,) in found])
    marks = torch.zeros(len(found), size)
    for row, indices in zip(marks, found, strict=True):
        row[indices] = 1
    return marks


def _from_file(path: Path, several: bool) -> list[list[object]]:
    try:
        wishes = read_json(path)
    except (OSError, ValueError) as error:
        raise LabelError(str(error)) from error
    wishes = list(wishes.values()) if isinstance(wishes, dict) else wishes
    if not isinstance(wishes, list) or not wishes:
        raise LabelError(f"{path} is no list of labels")
    wishes = [wish if isinstance(wish, list) else [wish] for wish in wishes]
    if not several and any(len(wish) != 1 for wish in wishes):
        raise LabelError(f"{path} asks for several labels at once, images have one")
    return wishes


def _index(name: str, names: list[str], size: int) -> int:
    if name in names:
        return names.index(name)
    if name.isascii() and name.isdigit() and int(name) < size:
        return int(name)
    if close := nearest(name, names):
        raise LabelError(f"no label is called `{name}`: try `{close}`")
    some = f"one of {', '.join(names[:3])}, ... or " if names else ""
    raise LabelError(f"no label is called `{name}`: give {some}a number below {size}")
