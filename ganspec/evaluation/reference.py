"""Real images to compare with, and their activations, which are computed once and cached."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import get_args

import numpy as np
import torch
from PIL import Image, ImageOps

from ganspec.evaluation.extractor import CountProgress, Extractor
from ganspec.kinds.activations import KEPT, Activations
from ganspec.kinds.dataset import DataError
from ganspec.kinds.datasets.image_files import ImageFiles, open_files, reason_of
from ganspec.kinds.datasets.image_folder import ImageFolder, flatten_image
from ganspec.kinds.datasets.listing import find_images, warn_others
from ganspec.systems import archive, checkpoint
from ganspec.systems.data import Data
from ganspec.systems.feed import StreamedImages
from ganspec.training.images import SHOWN, class_names, open_images, warn_if_dark, warn_of_files

CACHE = Path("~/.cache/ganspec/references")
VERSION = 2  # of the files' format; files of other versions are not found
HASHED = 64  # streamed images in memory at once while they are hashed
CPU = torch.device("cpu")


@dataclass(frozen=True)
class RealImages:
    """Real images: a tensor, streamed images, or the paths of a folder's pictures.

    `dataset` is the kind of the data set or the folder's name, and `names` are its class names.
    `is_part` is True if these images were chosen from more. `seed` is the seed that drew them; None
    if they were not drawn at random.
    """

    images: torch.Tensor | StreamedImages | list[Path]
    dataset: str
    split: str | None = None
    labels: torch.Tensor | None = None
    names: tuple[str, ...] = ()
    seed: int | None = None
    is_part: bool = False

    def __len__(self) -> int:
        return len(self.images)

    def batches(self, size: int) -> Iterator[torch.Tensor]:
        """Yield all images in their order, uint8 N x C x H x W, at most `size` at a time.

        Pictures of a folder may differ in height and width, which begins a new batch.
        """
        if isinstance(self.images, torch.Tensor):
            yield from self.images.split(size)
        elif isinstance(self.images, StreamedImages):
            yield from self.images.in_order(size)
        else:
            yield from stack_equal_sizes(map(read_again, self.images), size)

    @cached_property
    def sha256(self) -> str:
        """A SHA-256 of the images: of their shape and pixels if they are a tensor.

        For streamed images, it is that of the files and their resizing or, if they were chosen from
        more, of shape and pixels. For a folder, it is that of the files.
        """
        if isinstance(self.images, torch.Tensor):
            return hash_pixels([self.images], len(self))
        if isinstance(self.images, StreamedImages):
            if self.is_part:  # the same part as a tensor must have the same digest
                return hash_pixels(self.batches(HASHED), len(self))
            files = self.images.files
            form = str(files.form) + (" transposed" if files.transpose else "")
            contents = "".join(stamp.sha256 for stamp in files.stamps if stamp)
            return hashlib.sha256(f"{form}\n{contents}".encode()).hexdigest()
        digest = hashlib.sha256(b"own size\n")
        for path in self.images:
            content = path.read_bytes()
            digest.update(f"{len(content)}\n".encode())
            digest.update(content)
        return digest.hexdigest()


def hash_pixels(batches: Iterable[torch.Tensor], count: int) -> str:
    """Return the SHA-256 of the shape and pixels of `count` images, which come in batches."""
    digest = hashlib.sha256()
    for number, images in enumerate(batches):
        if number == 0:
            digest.update(f"{(count, *images.shape[1:])}\n".encode())
        digest.update(images.contiguous().numpy().data)
    return digest.hexdigest()


def open_real(data: Data, folder: Path | None, split: str | None) -> RealImages:
    """Return the images of a spec's data set in `split`, None for the split in the spec.

    `folder` has the files of the data set; None searches the usual places. Raises DataError if the
    data set lacks the split or the images are missing.
    """
    dataset = data.dataset
    field = type(dataset).model_fields.get("split")
    splits = get_args(field.annotation) if field else ("train",)
    if split not in (None, *splits):
        raise DataError(f"{dataset.kind} has no split `{split}`: it has {' and '.join(splits)}")
    if split is not None and field:
        dataset = dataset.model_copy(update={"split": split})
    data = data.model_copy(update={"dataset": dataset})
    images, labels = open_images(data, folder, CPU)
    names = tuple(class_names(data, folder))
    return RealImages(images, dataset.kind, getattr(dataset, "split", "all"), labels, names)


def open_folder(folder: Path) -> RealImages:
    """Return the pictures below a folder, each at its own size.

    Raises DataError if it is no folder, has no readable pictures or holds several splits, such as
    `train` and `test`. Warn of files that are left out, and of dark images, as a training on this
    folder would.
    """
    if not folder.is_dir():
        raise DataError(f"{folder} is no folder: name a folder of images")
    dataset = ImageFolder()
    with dataset.reading(folder):
        paths = find_images(folder)
        found = ImageFiles(folder, paths, [0] * len(paths), read_picture, ())
        files, _ = open_files(found, in_memory=False)
    warn_of_files(found, files)
    warn_others(folder)
    pictures = [read_picture(path).flatten() for path in files.files[:: -(-len(files) // SHOWN)]]
    warn_if_dark(torch.cat(pictures), dataset)
    return RealImages(files.files, folder.resolve().name)


def take(real: RealImages, indices: torch.Tensor, seed: int | None = None) -> RealImages:
    """Return the images of `real` at `indices`.

    `seed` is the seed that drew the indices; None if they were not drawn at random.
    """
    images: torch.Tensor | StreamedImages | list[Path]
    if isinstance(real.images, torch.Tensor):
        images = real.images[indices]
    elif isinstance(real.images, StreamedImages):  # streamed again, as they may not fit into memory
        images = StreamedImages(real.images.files.take(indices), real.images.device)
    else:
        images = [real.images[i] for i in indices]
    labels = None if real.labels is None else real.labels[indices]
    return replace(real, images=images, labels=labels, seed=seed, is_part=True)


def draw_images(real: RealImages, count: int, seed: int) -> RealImages:
    """Return `count` of the images, drawn at random without replacement, in their old order.

    Raises DataError if there are fewer.
    """
    if count > len(real):
        name = " ".join(filter(None, (real.dataset, real.split)))
        raise DataError(
            f"{name} has {len(real):,} images, fewer than {count:,} references: ask for fewer"
        )
    order = torch.randperm(len(real), generator=torch.Generator().manual_seed(seed))
    return take(real, order[:count].sort().values, seed)


def halve(real: RealImages, seed: int) -> tuple[RealImages, RealImages]:
    """Return two halves of the images, drawn at random; of an odd number, the second has more."""
    order = torch.randperm(len(real), generator=torch.Generator().manual_seed(seed))
    first, second = (half.sort().values for half in order.tensor_split([len(real) // 2]))
    return take(real, first, seed), take(real, second, seed)


def read_picture(path: Path) -> torch.Tensor:
    """Return a picture's pixels, uint8 3 x H x W, with the colours that a training would read.

    pytorch-fid and torch-fidelity read the same pixels of opaque, upright pictures of 8 bits.
    """
    with Image.open(path) as file:
        pixels = np.array(flatten_image(ImageOps.exif_transpose(file)))
    return torch.from_numpy(pixels).permute(2, 0, 1)


def read_again(path: Path) -> torch.Tensor:
    """Return the pixels of a picture, uint8 3 x H x W, that was readable before.

    Raises DataError if it cannot be read any more.
    """
    try:
        return read_picture(path)
    except Exception as error:  # PIL raises many types
        reason = reason_of(error, path)
        raise DataError(f"{path} cannot be read any more: {reason}") from error


def stack_equal_sizes(pictures: Iterator[torch.Tensor], size: int) -> Iterator[torch.Tensor]:
    """Yield batches of at most `size` consecutive pictures; all of a batch have the same shape."""
    waiting: list[torch.Tensor] = []
    for picture in pictures:
        if waiting and (len(waiting) == size or waiting[0].shape != picture.shape):
            yield torch.stack(waiting)
            waiting = []
        waiting.append(picture)
    if waiting:
        yield torch.stack(waiting)


def reference_activations(
    real: RealImages, extractor: Extractor, on_progress: CountProgress = lambda done: None
) -> Activations:
    """Return the activations of all of `real`, from the cache, or else computed and then cached.

    Mean and covariance are over all images; features and logits are kept of at most `KEPT`. If the
    activations are computed, `on_progress` is called with the number of images done.
    """
    text = f"{VERSION} {real.sha256} {extractor.key} {extractor.device.type}"
    key = hashlib.sha256(text.encode()).hexdigest()
    path = CACHE.expanduser() / f"{key}.pt"
    if (cached := _cached(path, key)) is not None:
        return cached
    activations = extractor.activations(real.batches(extractor.batch), len(real), KEPT, on_progress)
    state = {
        "key": key,
        "count": activations.count,
        "mean": torch.from_numpy(activations.mean),
        "covariance": torch.from_numpy(activations.covariance),
        "features": activations.features,
        "logits": activations.logits,
    }
    with suppress(OSError):  # the disk is full or the home read-only: go on without the cache
        archive.write(path, state)
    return activations


def _cached(path: Path, key: str) -> Activations | None:
    """Return the activations in a file of the cache; None if it is missing or damaged.

    A file whose content has another `key` counts as damaged.
    """
    with suppress(archive.ArchiveError, OSError, KeyError, TypeError, AttributeError, ValueError):
        state = archive.read(path)
        count, mean, covariance = state["count"], state["mean"], state["covariance"]
        features, logits = state["features"], state["logits"]
        size, rows = features.shape[1], (min(count, KEPT),)
        shapes = [(size,), (size, size), (*rows, size), (*rows, logits.shape[1])]
        tensors = [mean, covariance, features, logits]
        fits = [tuple(each.shape) for each in tensors] == shapes and state["key"] == key
        if fits and all(map(checkpoint.is_finite, tensors)):
            return Activations(count, mean.numpy(), covariance.numpy(), features, logits)
    return None
