"""The contents of a data set, and a picture of its first images, for `ganspec data`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from ganspec.atomic import replacing
from ganspec.kinds.dataset import DataError, Dataset
from ganspec.language.kinds import kinds_of
from ganspec.language.names import SUFFIXES
from ganspec.runs.opening import names_spec, open_spec
from ganspec.sampling.forms import paint_grid
from ganspec.sampling.pictures import square
from ganspec.systems.data import Data
from ganspec.systems.feed import StreamedImages, at
from ganspec.training.images import open_images

CACHE = Path("~/.cache/ganspec/data")  # downloads of a data set are in a folder of its name


def data_of(name: str, settings: Sequence[str] = ()) -> Data:
    """Return the section `data` of a spec or run, or a new one if `name` is a data set's.

    `settings`, such as `data.size=32`, change the spec. In the new section, images have the data
    set's own size and channels. Raises DataError if `name` is none of these, or if it is a data
    set's and there are settings. For a spec or run, raises what `open_spec` raises.
    """
    kind = kinds_of("dataset").get(name)
    if name.endswith(SUFFIXES) or (kind is None and (names_spec(name) or Path(name).is_dir())):
        return open_spec(name, settings).data
    if settings and kind is not None:
        raise DataError(f"--set changes a spec, and {name} is a data set: name a spec that has it")
    if kind is None:
        known = ", ".join(sorted(kinds_of("dataset")))
        raise DataError(f"no data set is called `{name}`; there are {known}; or name a spec file")
    dataset = kind()
    assert isinstance(dataset, Dataset)
    return Data(dataset=dataset)


def find(dataset: Dataset, folder: Path | None, fetch: bool) -> Path:
    """Return the folder that holds a data set's files: in `folder`, or by default in usual places.

    For a data set that reads no files, return the current folder. With `fetch`, files that are in
    no usual place are downloaded into CACHE. Raises DataError if the files are not found or cannot
    be downloaded, if `fetch` comes with a `folder` or for a data set that is never downloaded, and
    if `folder` is given for a data set that reads no files.
    """
    if fetch and folder:
        raise DataError(f"--fetch downloads into {CACHE}, and --data names a folder: choose one")
    try:
        place = dataset.locate(folder)
    except DataError as error:
        if not fetch:
            raise
        into = CACHE.expanduser() / dataset.kind
        if not dataset.fetch(into):
            raise DataError(f"{dataset.kind} cannot be fetched; {error}") from error
        return dataset.locate(into)
    if fetch and type(dataset).fetch is Dataset.fetch:
        raise DataError(f"{dataset.kind} is never downloaded: leave --fetch out")
    return place


def read(data: Data, folder: Path) -> tuple[torch.Tensor | StreamedImages, torch.Tensor]:
    """Return the training images, in memory or streamed, and their labels.

    Images are uint8 N x C x H x W; labels are N classes, or N x classes if multi-hot. Raises
    DataError if they cannot be read.
    """
    place = folder if data.dataset.needs_folder else None
    images, labels = open_images(data, place, torch.device("cpu"))
    assert labels is not None  # every data set returns labels, if only zeros
    return images, labels


LISTED = 10_000  # if a label is LISTED or more, classes without images are not listed


@dataclass(frozen=True)
class ClassCount:
    """A class's index, its name (None if the data set has no names), and its number of images."""

    label: int
    name: str | None
    images: int


@dataclass(frozen=True)
class DatasetFacts:
    """The contents of a data set; `folder` is None if the images are computed, not read."""

    dataset: str
    folder: str | None
    images: int
    height: int
    width: int
    channels: int
    labels: str  # `classes` or `multi_hot`
    classes: list[ClassCount]


def described(
    data: Data, folder: Path, images: torch.Tensor | StreamedImages, labels: torch.Tensor
) -> DatasetFacts:
    """Return a data set's folder, the number and size of its images, and the images per class.

    Classes without images are left out if labels are classes and one of them is LISTED or more.
    """
    dataset, (channels, height, width) = data.dataset, data.shape
    with dataset.reading(folder):
        names = dict(enumerate(dataset.classes(folder)))
    if labels.ndim == 2:
        classes, counts = torch.arange(labels.shape[1]), labels.sum(0)
    elif labels.max() < LISTED:
        counts = labels.bincount(minlength=len(names))
        classes = torch.arange(len(counts))
    else:
        classes, counts = labels.unique(return_counts=True)
    return DatasetFacts(
        dataset.kind,
        str(folder) if dataset.needs_folder else None,
        len(images),
        height,
        width,
        channels,
        "multi_hot" if labels.ndim == 2 else "classes",
        [
            ClassCount(label, names.get(label), count)
            for label, count in zip(classes.tolist(), counts.tolist(), strict=True)
        ],
    )


def as_json(facts: DatasetFacts) -> str:
    """Return `facts` as JSON, a map with the fields of DatasetFacts."""
    return json.dumps(asdict(facts), indent=2)


def as_text(facts: DatasetFacts) -> str:
    """Return `facts` as lines for a terminal."""
    where = f"in {facts.folder}" if facts.folder else "drawn on the spot"
    rows = [(str(each.label), each.name or "", f"{each.images:,}") for each in facts.classes]
    first, second, third = (max(map(len, column)) for column in zip(*rows, strict=True))
    size = f"{facts.height} x {facts.width}, {with_noun(facts.channels, 'channel', 'channels')}"
    count = facts.classes[-1].label + 1
    lines = [
        f"{facts.dataset}: {where}",
        f"{facts.images:,} images, {size}",
        f"{with_noun(count, 'class', 'classes')}, with the number of images of each:",
    ]
    for label, name, number in rows:
        middle = f"{name:<{second}}  " if second else ""
        lines.append(f"  {label:>{first}}  {middle}{number:>{third}}")
    return "\n".join(lines)


def with_noun(number: int, one: str, more: str) -> str:
    """Return a number with its noun, `one` for 1 and else `more`: `1 class`, `10 classes`."""
    return f"{number:,} {one if number == 1 else more}"


def write_grid(images: torch.Tensor | StreamedImages, count: int | None, path: Path) -> None:
    """Write a PNG of the first `count` images in a grid that is about square.

    If `count` is None, these are the first 64 images, or all if there are fewer. Raises DataError
    if there are fewer than `count`.
    """
    if count and count > len(images):
        raise DataError(f"there are {len(images):,} images, not {count:,}: give -n {len(images)}")
    shown = at(images, torch.arange(min(count or 64, len(images))))
    with replacing(path) as temporary:
        paint_grid(shown, square(len(shown)), temporary)
