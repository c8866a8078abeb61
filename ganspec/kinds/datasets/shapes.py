"""Scenes of lit solids on a grey ground, drawn on the spot: it needs no files."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated, ClassVar, Literal

import torch
from pydantic import AfterValidator, Field, NonNegativeInt, PositiveInt

from ganspec.kinds.dataset import Dataset
from ganspec.kinds.datasets.objects import mark_objects, object_names, read_labels, solid_words
from ganspec.kinds.datasets.scenes import back_to_front, draw_images, scene_blocks
from ganspec.language.types import refusal


def load_images(folder, height, width, channels, count=10000, seed=0, split="train"):
    """Draw scenes, uint8 N x C x H x W, and label them 3 x colour + shape of the front.

    Nothing is read from `folder`: the same seed always draws the same scenes.
    """
    images = torch.empty(count, channels, height, width, dtype=torch.uint8)
    labels = torch.empty(count, dtype=torch.int64)
    for start, scenes in scene_blocks(count, seed, split, height, width):
        scenes, part = back_to_front(scenes), slice(start, start + len(scenes["x"]))
        images[part] = draw_images(scenes, height, width, channels)[: count - start]
        front = 3 * scenes["colour"][:, -1] + scenes["shape"][:, -1]
        labels[part] = front[: count - start]
    return images, labels


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
    images = torch.empty(count, channels, height, width, dtype=torch.uint8)
    for start, scenes in scene_blocks(count, seed, split, height, width):
        part = torch.arange(start, start + len(scenes["x"])) % len(wanted)
        scenes |= {name: field[part] for name, field in solids.items()}
        drawn = draw_images(back_to_front(scenes), height, width, channels)
        images[start : start + len(part)] = drawn[: count - start]
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
