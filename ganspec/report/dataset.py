"""Reading and description of a data set for `ganspec data`."""

from __future__ import annotations

from pathlib import Path

import torch

from ganspec.atomic import replacing
from ganspec.kinds.dataset import DataError, Dataset
from ganspec.language.kinds import kinds_of
from ganspec.sampling.forms import paint_grid
from ganspec.sampling.pictures import square
from ganspec.streams import is_input
from ganspec.systems.feed import StreamedImages, at
from ganspec.systems.load import load
from ganspec.systems.spec import Data
from ganspec.training.images import open_images

CACHE = Path("~/.cache/ganspec/data")


def data_of(name: str) -> Data:
    """Return the section `data` of the spec file `name`, or that of the data set `name`.

    A data set gets its own size and channels. Raise DataError if there is none, SpecError if the
    spec has errors.
    """
    kind = kinds_of("dataset").get(name)
    if name.endswith((".yaml", ".yml")) or (kind is None and is_input(name)):
        return load(name).data
    if kind is None:
        known = ", ".join(sorted(kinds_of("dataset")))
        raise DataError(f"no data set is called `{name}`; there are {known}, or name a spec file")
    dataset = kind()
    assert isinstance(dataset, Dataset)
    return Data(dataset=dataset)


def find(dataset: Dataset, folder: Path | None, fetch: bool) -> Path:
    """Return the folder of a data set. Raise DataError if it is missing.

    With `fetch`, a missing one is downloaded into the cache, unless the user named `folder`.
    """
    try:
        return dataset.locate(folder)
    except DataError as error:
        if not fetch or folder:
            raise
        into = CACHE.expanduser() / dataset.kind
        if not dataset.fetch(into):
            raise DataError(f"{dataset.kind} cannot be fetched; {error}") from error
        return dataset.locate(into)


def read(data: Data, folder: Path) -> tuple[torch.Tensor | StreamedImages, torch.Tensor]:
    """Return all images and labels, as training opens them. Raises DataError."""
    place = folder if data.dataset.needs_folder else None
    images, labels = open_images(data, place, torch.device("cpu"))
    assert labels is not None  # every data set returns labels, if only zeros
    return images, labels


def description(
    data: Data, folder: Path, images: torch.Tensor | StreamedImages, labels: torch.Tensor
) -> str:
    """Return lines with a data set's folder, number and size of images, and images per class."""
    dataset, count, (channels, height, width) = data.dataset, len(images), data.shape
    where = f"in {folder}" if dataset.needs_folder else "drawn on the spot"
    with dataset.reading(folder):
        names = dict(enumerate(dataset.classes(folder)))
    if labels.ndim == 2:
        classes, counts = range(labels.shape[1]), labels.sum(0)
    else:
        classes, counts = labels.unique(return_counts=True)
    rows = [
        (str(int(label)), names.get(int(label), ""), f"{int(number):,}")
        for label, number in zip(classes, counts, strict=True)
    ]
    first, second, third = (max(map(len, column)) for column in zip(*rows, strict=True))
    lines = [
        f"{dataset.kind}: {where}",
        f"{count:,} images, {height} x {width}, {many(channels, 'channel', 'channels')}",
        f"{many(len(rows), 'class', 'classes')}, with the number of images of each:",
    ]
    for label, name, number in rows:
        middle = f"{name:<{second}}  " if second else ""
        lines.append(f"  {label:>{first}}  {middle}{number:>{third}}")
    return "\n".join(lines)


def many(number: int, one: str, more: str) -> str:
    """Return a number with its noun, such as `1 class` or `10 classes`."""
    return f"{number:,} {one if number == 1 else more}"


def write_grid(images: torch.Tensor | StreamedImages, count: int | None, path: Path) -> None:
    """Write the first `count` images, by default at most 64, as one picture, about square.

    Raises DataError if there are fewer.
    """
    if count and count > len(images):
        raise DataError(f"there are {len(images):,} images, not {count:,}: give -n {len(images)}")
    shown = at(images, torch.arange(min(count or 64, len(images))))
    with replacing(path) as temporary:
        paint_grid(shown, square(len(shown)), temporary)
