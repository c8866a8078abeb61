"""The sizes of the batches that each network reads: in training, for pictures, and for test images.

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
class Pass:
    """A batch that goes through `network`, in training or in evaluation mode.

    `source` says in a clause where the batch comes from, and ends with its size, such as `33 images
    in batches of 16 leave a last batch of one`. `help` says how to get a batch of another size, if
    the network cannot read this one.
    """

    network: str
    images: int
    source: str
    help: str
    training: bool = True


def number(count: int) -> str:
    """Return a number as messages show it: `one`, or digits."""
    return "one" if count == 1 else str(count)


def chosen_passes(networks: Iterable[str], field: str, size: int) -> Iterator[Pass]:
    """Yield a pass for each network: a batch of `size` images, which `train` sets in `field`."""
    source = f"`{field}: {size}` makes batches of {number(size)}"
    help = f"write `train: {{{field}: {size + 1}}}` or more"
    yield from (Pass(key, size, source, help) for key in networks)


def training_passes(
    networks: Iterable[str], cfg: SimpleNamespace, size: TrainingSize
) -> Iterator[Pass]:
    """Yield the passes of a training in which each step draws one real batch for all networks."""
    yield from real_passes(networks, cfg, size.images, size.steps)
    if size.test:
        yield from split_passes(networks, cfg.batch, size.test, "test image")


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
    for size, source, other in _rests(images, cfg.batch, "image"):
        help = f"write {other}" if other else "add images"
        if images > cfg.batch:
            help = f"write `train: {{last_batch: drop}}`{f', or {other}' if other else ''}"
        yield from (Pass(key, size, source, help) for key in networks)


def split_passes(networks: Iterable[str], batch: int, images: int, noun: str) -> Iterator[Pass]:
    """Yield for each network a pass of each size that `images` images in batches of `batch` have.

    Networks are in evaluation mode. `noun` names one image, such as `test image`.
    """
    sizes = list(_rests(images, batch, noun))
    if images >= batch:
        source = f"{images} {noun}s are read in batches of {number(batch)}"
        sizes.insert(0, (batch, source, f"`train: {{batch: {batch + 1}}}` or more"))
    for size, source, other in sizes:
        help = f"write {other}" if other else "add images"
        yield from (Pass(key, size, source, help, training=False) for key in networks)


def _rests(images: int, batch: int, noun: str) -> Iterator[tuple[int, str, str]]:
    """Yield the size of the last batch, its source as in `Pass`, and a fix; nothing if it is full.

    The fix is a text such as `train: {batch: 30}` that leaves a last batch neither of this size nor
    of one image; "" if there is no such size.
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
    yield rest, source, f"`train: {{batch: {other}}}`" if other else ""
