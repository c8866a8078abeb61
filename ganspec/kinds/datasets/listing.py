"""The image files of a folder, and the class of each."""

from __future__ import annotations

import os
import warnings
from collections import defaultdict
from pathlib import Path

from PIL import Image


def walk_files(folder, above=()):
    """Yield the files below `folder`, sorted by path, except hidden files and folders.

    Links to folders are followed, except to one of the folders that they are in.
    """
    place = folder.resolve()
    for path in sorted(folder.iterdir()):
        if path.name.startswith("."):
            continue
        if not path.is_dir():
            if path.is_file() or path.is_symlink():
                yield path
        elif path.resolve() not in (*above, place):
            yield from walk_files(path, (*above, place))


def is_image(path):
    """Return True if PIL reads files of this ending, except EPS, which is a program."""
    kind = Image.registered_extensions().get(path.suffix.lower(), "EPS")
    return kind in Image.OPEN and kind != "EPS"


def is_split(name):
    """Return True if a folder has the name of a split, such as train or test."""
    splits = ("train", "training", "val", "valid", "validation", "test", "testing", "eval")
    return name.lower() in splits


def check_splits(folder, files):
    """Raise ValueError if one folder holds two splits, such as train and test."""
    splits = defaultdict(set)
    for names in {path.relative_to(folder).parts[:-1] for path in files}:
        for i, name in enumerate(names):
            if is_split(name):
                splits[folder.joinpath(*names[:i])].add(name)
    for place, names in sorted(splits.items()):
        if len(names) > 1:
            best = max(sorted(names), key=lambda name: name.lower().startswith("train"))
            raise ValueError(
                f"{' and '.join(sorted(names))} in {place} are splits, not classes: "
                f"take one alone, such as {place / best}"
            )


def find_images(folder):
    """Return the image files below `folder`, sorted by path, except hidden ones.

    Raises ValueError if there are no images, or if folders are splits, such as train
    and test.
    """
    folder = Path(folder)
    files = [path for path in walk_files(folder) if is_image(path)]
    if not files:
        raise ValueError(f"no images in {folder}")
    check_splits(folder, files)
    return files


def check_lone_split(folder, files):
    """Raise ValueError if all files are in one split that holds several folders."""
    places = {path.parent for path in files}
    inner = Path(os.path.commonpath(places))
    split = next(filter(is_split, inner.relative_to(folder).parts), None)
    if split and len(places) > 1:
        where = f"name the folder of the classes, {inner}"
        raise ValueError(f"{split} in {folder} is a split, not a class: {where}")


def list_images(folder):
    """Return the image files of `folder`, sorted, and the class index of each file.

    A sub-folder with images is a class; without sub-folders every index is 0. Raises
    the errors of `find_images`, and ValueError if some images are in sub-folders and
    others are not, or if the only sub-folder is a split with classes in it.
    """
    folder, files = Path(folder), find_images(folder)
    names = [path.relative_to(folder).parts[0] for path in files]
    loose = [path for path in files if path.parent == folder]
    if len(loose) == len(files):
        return files, [0] * len(files)
    if loose:
        raise ValueError(
            f"{folder} holds class folders and loose images such as {loose[0].name}: "
            "move these into a folder of their own"
        )
    check_lone_split(folder, files)
    classes = sorted(set(names))
    index = {name: i for i, name in enumerate(classes)}
    return files, [index[name] for name in names]


def warn_others(folder, table=None):
    """Warn of files below `folder` that are not named as images, except `table`."""
    others = [path for path in walk_files(folder) if not is_image(path) and path != table]
    if others:
        names = [str(path.relative_to(folder)) for path in others[:3]]
        shown = ", ".join(names) + (", ..." if len(others) > 3 else "")
        one, more = ("file", "is not named as an image"), ("files", "are not named as images")
        noun, reason = one if len(others) == 1 else more
        message = f"left out {len(others)} {noun} in {folder} that {reason}: {shown}"
        warnings.warn(message, stacklevel=3)
