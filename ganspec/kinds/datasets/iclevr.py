"""i-CLEVR: photographs of coloured solids, and lists of the solids in each."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from PIL import Image

from ganspec.kinds.dataset import Dataset
from ganspec.kinds.datasets.image_folder import (
    decode_files,
    flatten_image,
    resize_picture,
)
from ganspec.kinds.datasets.objects import mark_objects, object_names, read_labels, solid_words


def refuse_missing(folder, names):
    """Raise ValueError, which says how many of the photographs `names` are missing."""
    missing = {}
    for place in (folder / "images", folder / "iclevr", folder):
        files = {path.name for path in place.iterdir()} if place.is_dir() else set()
        missing[place] = [name for name in names if name not in files]
    place, lacking = min(missing.items(), key=lambda item: len(item[1]))
    shown = ", ".join(lacking[:3]) + (", ..." if len(lacking) > 3 else "")
    if len(lacking) == len(names):
        place = f"{folder / 'images'}, {folder / 'iclevr'} or {folder}"
    raise ValueError(
        f"found {len(names) - len(lacking)} of the {len(names)} photographs that "
        f"train.json names in {place}; missing {len(lacking)}: {shown}"
    )


def find_photographs(folder, names, checked):
    """Return the paths of the photographs `names` in the first folder that has all.

    Raise ValueError if none has.
    """
    for place in (folder / "images", folder / "iclevr", folder):
        if place.is_dir() and {path.name for path in place.iterdir()}.issuperset(names):
            return [place / name for name in names]
    if checked:
        refuse_missing(folder, names)
    raise ValueError(f"{folder} lacks photographs that train.json names")


def load_images(folder, height, width, channels, resize="antialias", checked=True):
    """Read i-CLEVR: images, uint8 N x C x H x W, and objects, 0 or 1, uint8 N x 24."""

    def decode(path):  # resized without cropping
        with Image.open(path) as file:
            image = flatten_image(file).convert("L" if channels == 1 else "RGB")
        return resize_picture(image, height, width, resize)

    labels, index = read_labels(Path(folder) / "train.json", checked)
    paths = find_photographs(Path(folder), list(labels), checked)
    images, readable = decode_files(paths, decode, (channels, height, width))
    return images, mark_objects(list(labels.values()), index)[readable]


class Iclevr(Dataset, kind="iclevr"):
    """i-CLEVR: pictures of one to three coloured solids, labelled with all of them.

    The pictures, 320 x 240, are beside `train.json`, or in `images` or `iclevr` there, and are
    resized without cropping. Unreadable ones are skipped with a warning; a missing one is an error.
    """

    load: ClassVar = staticmethod(load_images)
    fix: ClassVar = (
        "put them and a folder images/ of the photographs into ./data/iclevr or name the folder"
    )

    def sources(self, folder: Path) -> list[Path]:
        labels, _ = read_labels(folder / "train.json")
        photographs = find_photographs(folder, list(labels), checked=True)
        return [folder / "train.json", folder / "objects.json", *photographs]

    def wanted(self) -> str:
        return "objects.json and train.json"

    def holds(self, folder: Path) -> bool:
        # `load` reports photographs that are missing, with their number
        return all((folder / name).is_file() for name in ("objects.json", "train.json"))

    def label_kind(self) -> tuple[str, int]:
        return "multi_hot", 24

    def classes(self, folder: Path | None = None) -> list[str]:
        if folder is not None:
            return object_names(folder / "objects.json")
        colours, shapes = solid_words()
        return [f"{colour} {shape}" for shape in shapes for colour in colours]
