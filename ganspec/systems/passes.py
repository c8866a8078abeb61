"""Sizes of batches that networks read in training, for pictures or as test images.

Each batch has a clause that says where it comes from, for errors about a size that a network cannot
read.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from types import SimpleNamespace

from ganspec.systems.batches import count_batches


@dataclass(frozen=True)
class TrainingSize:
    """The numbers of real images, held-out images, labels for pictures, and training steps.

    A number is None if it is known only from files, or if there are none.
    """

    images: int | None
    test: int | None
    conditions: int | None
    steps: int


@dataclass(frozen=True)
class BatchFix:
    """Ways to get a batch of another size.

    `settings` are texts such as `train: {batch: 15}`, each of which is enough. If `or_more` is
    True, so are greater numbers than that of the last one. `otherwise` is an order, such as `add
    images`, for batches whose size no setting changes.
    """

    settings: tuple[str, ...] = ()
    or_more: bool = False
    otherwise: str = ""

    def help(self, *, certain: bool, first: tuple[str, ...] = ()) -> str:
        """Return the help of an error about the batch; `first` are settings to name before others.

        If it is not `certain` that the network reads the other sizes, the help proposes to try
        them.
        """
        verb, more = ("write", "more") if certain else ("try", "another size")
        settings = ", or ".join(f"`{setting}`" for setting in (*first, *self.settings))
        written = f"{verb} {settings}{f' or {more}' if self.or_more else ''}" if settings else ""
        return ", or ".join(filter(None, [written, self.otherwise]))


ADD_IMAGES = BatchFix(otherwise="add images")


@dataclass(frozen=True)
class Pass:
    """A batch that goes through `network`, in training or in evaluation mode.

    `source` says in a clause where the batch comes from, and ends with its size, such as `33 images
    in batches of 16 leave a last batch of one`. `fix` says how to get a batch of another size, if
    the network cannot read this one.
    """

    network: str
    images: int
    source: str
    fix: BatchFix
    training: bool = True


def number(count: int) -> str:
    """Return a number as messages show it: `one`, or digits."""
    return "one" if count == 1 else str(count)


def chosen_passes(networks: Iterable[str], field: str, size: int) -> Iterator[Pass]:
    """Yield a pass for each network: a batch of `size` images, which `train` sets in `field`."""
    source = f"`{field}: {size}` makes batches of {number(size)}"
    fix = BatchFix((f"train: {{{field}: {size + 1}}}",), or_more=True)
    yield from (Pass(key, size, source, fix) for key in networks)


def real_passes(
    networks: Iterable[str], cfg: SimpleNamespace, images: int | None, draws: int
) -> Iterator[Pass]:
    """Yield for each network a pass of each size that the first `draws` real batches have.

    `images` is the number of real images. If it is None, only full batches are yielded.
    """
    if images is None or images >= cfg.batch:
        yield from chosen_passes(networks, "batch", cfg.batch)
    if images is None or cfg.last_batch == "drop" or draws < count_batches(range(images), cfg):
        return
    for size, source, others in _rests(images, cfg.batch, "image"):
        settings = ("train: {last_batch: drop}", *others) if images > cfg.batch else others
        fix = BatchFix(settings) if settings else ADD_IMAGES
        yield from (Pass(key, size, source, fix) for key in networks)


def split_passes(networks: Iterable[str], batch: int, images: int, noun: str) -> Iterator[Pass]:
    """Yield for each network a pass of each size that `images` images in batches of `batch` have.

    Networks are in evaluation mode. `noun` names one image, such as `test image`.
    """
    sizes = [
        (size, source, BatchFix(others) if others else ADD_IMAGES)
        for size, source, others in _rests(images, batch, noun)
    ]
    if images >= batch:
        source = f"{images} {noun}s are read in batches of {number(batch)}"
        fix = BatchFix((f"train: {{batch: {batch + 1}}}",), or_more=True)
        sizes.insert(0, (batch, source, fix))
    for size, source, fix in sizes:
        yield from (Pass(key, size, source, fix, training=False) for key in networks)


def _rests(images: int, batch: int, noun: str) -> Iterator[tuple[int, str, tuple[str, ...]]]:
    """Yield the size of the last batch, its source as in `Pass`, and settings that change it.

    Yield nothing if the last batch is full. The settings are a text such as `train: {batch: 30}`,
    which leaves a last batch neither of this size nor of one image; () if there is no such size.
    """
    rest = images % batch
    if not rest:
        return
    source = f"{images} {noun}s in batches of {batch} leave a last batch of {number(rest)}"
    if images < batch:
        count = f"one {noun} makes" if images == 1 else f"{images} {noun}s make"
        source = f"{count} a batch of {number(images)}"
    others = itertools.chain(range(batch - 1, 1, -1), range(batch + 1, images + 1))
    other = next((b for b in others if images % b not in (1, rest)), None)
    yield rest, source, (f"train: {{batch: {other}}}",) if other else ()
