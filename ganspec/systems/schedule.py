"""The section `train` of every system: the length of a training, and its batches."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Annotated, ClassVar, Literal, TypeAlias

from pydantic import Field

from ganspec.language.section import Section
from ganspec.language.types import Count
from ganspec.systems.batches import count_batches

KEEPING = ("keep", "pictures", "snapshots")  # fields that say which files a run keeps
Epochs: TypeAlias = Count | Annotated[tuple[Count, ...], Field(min_length=1)]


def includes(epochs: Epochs | None, epoch: int) -> bool:
    """Return True if `epochs` includes `epoch`.

    `epochs` is a tuple of epochs, a number n for every n-th epoch, or None for no epoch.
    """
    if isinstance(epochs, tuple):
        return epoch in epochs
    return epochs is not None and epoch % epochs == 0


class Schedule(Section):
    """The length of a training, and its batches."""

    # fields that say what a run keeps, draws and logs; comparisons leave them out, as they are no
    # part of how weights are trained
    neutral: ClassVar[tuple[str, ...]] = KEEPING

    batch: Annotated[int, Field(gt=0, le=65536)] = Field(64, description="images in a batch")
    epochs: Count = Field(
        100, description="epochs: each is a pass over the real images, or `iterations`"
    )
    last_batch: Literal["drop", "keep"] = Field(
        "drop", description="whether to drop or keep a last batch that is not full"
    )
    iterations: Count | None = Field(
        None, description="iterations in an epoch, instead of one pass over the images"
    )
    keep: Epochs | None = Field(
        None,
        description="epochs from one kept snapshot of the weights to the next, or a list of epochs",
    )
    snapshots: Count = Field(
        100,
        description="limit of the snapshots of `keep: N` in a run: when there would be more, every "
        "second one is deleted; those of a list all stay",
    )
    pictures: Count = Field(
        200,
        description="limit of the pictures in a run's `samples/`: when there would be more, every "
        "second one is deleted",
    )
    seed: Annotated[int, Field(ge=0, lt=2**63)] = Field(
        0, description="seed of the weights, the order of images and all random draws"
    )

    def length(self, cfg: SimpleNamespace, images: int) -> int:
        """Return the number of steps of a whole training on `images` real images.

        `cfg` are the settings of the training.
        """
        epoch = self.iterations or count_batches(range(images), cfg)
        return self.warmup_steps + self.epochs * epoch

    @property
    def condition_file(self) -> str | None:
        """The name of the file of labels for the training's pictures; None if the spec has none."""
        return None

    @property
    def warmup_steps(self) -> int:
        """Number of steps before the first epoch."""
        return 0
