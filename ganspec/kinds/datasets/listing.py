"""The image files of a folder, and the class of each."""

from __future__ import annotations

import warnings
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


def find_images(folder):
    """Return the image files below `folder`, sorted by path, except hidden ones.

    Raises ValueError if there are no images, or if the sub-folders are splits, such as
    train and test.
    """
    folder = Path(folder)
    files = [path for path in walk_files(folder) if is_image(path)]
    if not files:
        raise ValueError(f"no images in {folder}")
    parts = sorted({path.relative_to(folder).parts[0] for path in files})
    splits = {"train", "training", "val", "valid", "validation", "test", "testing"}
    if len(parts) > 1 and splits.issuperset(part.lower() for part in parts):
        raise ValueError(
            f"{' and '.join(parts)} in {folder} are splits, not classes: name one, "
            f"such as {folder / parts[0]}"
        )
    return files


def list_images(folder):
    """Return the image files of `folder`, sorted, and the class index of each file.

    A sub-folder with images is a class; without sub-folders every index is 0. Raises
    ValueError if some images are in sub-folders and others are not.
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
