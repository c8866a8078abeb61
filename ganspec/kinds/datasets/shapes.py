"""Scenes of lit solids on a grey ground, drawn on the spot: it needs no files."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated, ClassVar, Literal

import torch
from pydantic import AfterValidator, Field, NonNegativeInt, PositiveInt

from ganspec.kinds.dataset import Dataset
from ganspec.kinds.datasets.objects import mark_objects, object_names, read_labels, solid_words
from ganspec.kinds.datasets.scenes import draw_images, scene_blocks
from ganspec.language.types import refusal


def load_images(folder, height, width, channels, count=10000, seed=0, split="train", labelled=True):
    """Draw scenes, uint8 N x C x H x W; labels are 3 x colour + shape of the front."""
    blocks = list(scene_blocks(count, seed, split, height, width))
    images = torch.cat([draw_images(scenes, height, width, channels) for scenes in blocks])
    labels = torch.cat([label_fronts(scenes) for scenes in blocks]) if labelled else None
    return images[:count], labels[:count] if labelled else None


def label_fronts(scenes):
    """Return 3 x colour + shape of the object that stands nearest, int64 N."""
    near = torch.where(scenes["present"], scenes["y"], torch.inf).argmin(1, keepdim=True)
    return (3 * scenes["colour"] + scenes["shape"]).gather(1, near)[:, 0]


def solids_of(names):
    """Return fields, each of size 3, of one to three objects such as `red cube`."""
    colours, shapes = solid_words()
    if not 1 <= len(names) <= 3:
        raise ValueError(f"one to three objects can be drawn, not {len(names)}")
    fields = {"colour": [0] * 3, "shape": [0] * 3, "present": [False] * 3}
    for i, name in enumerate(names):
        colour, _, shape = name.partition(" ")
        if colour not in colours or shape not in shapes:
            raise ValueError(f"{name!r} cannot be drawn; a `red cube` could")
        fields["colour"][i] = colours.index(colour)
        fields["shape"][i] = shapes.index(shape)
        fields["present"][i] = True
    return fields


def load_labelled(folder, height, width, channels, labels, count=10000, seed=0, split="train"):
    """Draw scenes of listed objects, uint8 N x C x H x W, and mark these, uint8 N x 24.

    `labels` is a file that lists each image's objects, with `objects.json` beside it;
    after its last image it begins again. Nothing is read from `folder`.
    """
    listed, index = read_labels(labels)
    wanted = list(listed.values())[:count]
    solids = [solids_of(names) for names in wanted]
    solids = {k: torch.tensor([solid[k] for solid in solids]) for k in solids[0]}
    drawn, first = [], 0
    for scenes in scene_blocks(count, seed, split, height, width):
        part = torch.arange(first, first + len(scenes["x"])) % len(wanted)
        first += len(part)
        scenes |= {name: field[part] for name, field in solids.items()}
        drawn.append(draw_images(scenes, height, width, channels))
    images = torch.cat(drawn)[:count]
    return images, mark_objects(wanted, index)[torch.arange(count) % len(wanted)]


def _check_path(path: str) -> str:
    if not path.isprintable():
        raise refusal("bad-value", "a path holds characters that cannot be seen")
    return path


PathText = Annotated[str, Field(min_length=1, max_length=1000), AfterValidator(_check_path)]


class Shapes(Dataset, kind="shapes"):
    """Drawn scenes of one to three cubes, spheres and cylinders in CLEVR's colours.

    With `labels`, a file such as i-CLEVR's `train.json` with `objects.json` beside it, each
    scene has the objects that the file lists for it: a stand-in for `iclevr`. The split `test`
    has as many scenes, none of them in `train`.
    """

    load: ClassVar = staticmethod(load_images)
    needs_folder: ClassVar[bool] = False

    count: PositiveInt = 10000
    seed: NonNegativeInt = 0
    split: Literal["train", "test"] = "train"
    labels: PathText | None = Field(
        None, description="file that lists the objects of each image, as `train.json`"
    )

    def label_kind(self) -> tuple[str, int]:
        return ("multi_hot" if self.labels else "classes"), 24

    def reader(self, resize: str = "antialias") -> partial:
        # scenes are drawn at the size asked for: there is nothing to resize
        made = super().reader()
        return partial(load_labelled, **made.keywords) if self.labels else made

    def classes(self, folder: Path | None = None) -> list[str]:
        if not self.labels:
            colours, shapes = solid_words()
            return [f"{colour} {shape}" for colour in colours for shape in shapes]
        return object_names(Path(self.labels).with_name("objects.json"))
