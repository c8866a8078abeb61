"""Real images to score against, and their activations, computed once."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch.utils.data import DataLoader

from ganspec.atomic import replacing
from ganspec.evaluation.extractor import CountProgress, Extractor
from ganspec.kinds.activations import KEPT, Activations
from ganspec.kinds.dataset import DataError
from ganspec.kinds.datasets.image_folder import find_images
from ganspec.systems.feed import WORKERS, StreamedImages
from ganspec.systems.spec import Data
from ganspec.training.images import open_images

CACHE = Path("~/.cache/ganspec/references")
VERSION = 1  # of the files' format
CPU = torch.device("cpu")


@dataclass(frozen=True)
class RealImages:
    """Images of a data set or folder; `images` are those of `open_images`, or a folder's files."""

    images: torch.Tensor | StreamedImages | list[Path]
    dataset: str
    split: str | None = None
    labels: torch.Tensor | None = None
    names: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.images)

    def batches(self, size: int) -> Iterator[torch.Tensor]:
        """Yield all images, uint8 N x C x H x W, in their order."""
        if isinstance(self.images, torch.Tensor):
            yield from self.images.split(size)
        elif isinstance(self.images, StreamedImages):
            yield from DataLoader(
                self.images.files, size, num_workers=WORKERS, generator=torch.Generator()
            )
        else:
            yield from stack_equal_sizes(map(read_picture, self.images), size)

    @cached_property
    def sha256(self) -> str:
        """The SHA-256 of pixels in memory, or of the files and their resizing."""
        digest = hashlib.sha256()
        if isinstance(self.images, torch.Tensor):
            digest.update(f"{tuple(self.images.shape)}\n".encode())
            digest.update(self.images.contiguous().numpy().data)
            return digest.hexdigest()
        if isinstance(self.images, StreamedImages):
            form, files = str(self.images.files.form), self.images.files.files
            form += " transposed" if self.images.files.transpose else ""
        else:
            form, files = "own size", self.images
        digest.update(f"{form}\n".encode())
        for path in files:
            content = Path(path).read_bytes()
            digest.update(f"{len(content)}\n".encode())
            digest.update(content)
        return digest.hexdigest()


def open_real(data: Data, folder: Path | None, split: str | None) -> RealImages:
    """Return a split of a spec's data set; None is the spec's own. Raises DataError."""
    dataset = data.dataset
    if hasattr(dataset, "split"):
        dataset = dataset.model_copy(update={"split": split or dataset.split})
    elif split == "test":
        raise DataError(f"{dataset.kind} has no test split")
    images, labels = open_images(data.model_copy(update={"dataset": dataset}), folder, CPU)
    place = dataset.locate(folder)
    with dataset.reading(place):
        names = tuple(dataset.classes(place))
    return RealImages(images, dataset.kind, getattr(dataset, "split", "all"), labels, names)


def open_folder(folder: Path) -> RealImages:
    """Return the pictures below a folder, each at its own size. Raises DataError."""
    if not folder.is_dir():
        raise DataError(f"{folder} is no folder")
    files = list(find_images(folder))
    if not files:
        raise DataError(f"no jpg, png, webp, bmp or gif images in {folder}")
    return RealImages(files, folder.resolve().name)


def read_picture(path: Path) -> torch.Tensor:
    """Return a picture's pixels, uint8 3 x H x W, as pytorch-fid and torch-fidelity read them."""
    try:
        with Image.open(path) as file:
            pixels = np.array(file.convert("RGB"))
    except Exception as error:  # PIL raises many types
        raise DataError(f"{path} cannot be read as an image") from error
    return torch.from_numpy(pixels).permute(2, 0, 1)


def stack_equal_sizes(pictures: Iterator[torch.Tensor], size: int) -> Iterator[torch.Tensor]:
    """Yield batches of at most `size` consecutive pictures of one shape."""
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
    """Return the activations of all of `real`, from the cache if it holds them.

    Mean and covariance are over all images; features and logits are kept for `KEPT` of them.
    """
    text = f"{VERSION} {real.sha256} {extractor.key} {extractor.device.type}"
    path = CACHE.expanduser() / f"{hashlib.sha256(text.encode()).hexdigest()}.pt"
    if (cached := _cached(path)) is not None:
        return cached
    activations = extractor.activations(real.batches(extractor.batch), len(real), KEPT, on_progress)
    state = {
        "count": activations.count,
        "mean": torch.from_numpy(activations.mean),
        "covariance": torch.from_numpy(activations.covariance),
        "features": activations.features,
        "logits": activations.logits,
    }
    try:
        with replacing(path) as temporary:
            torch.save(state, temporary)
    except OSError:  # a full disk or a read-only home: go on without the cache
        pass
    return activations


def _cached(path: Path) -> Activations | None:
    """Return the activations in a file of the cache; None if it is missing or damaged."""
    try:
        state = torch.load(path, weights_only=True)
        mean, covariance = state["mean"].numpy(), state["covariance"].numpy()
        return Activations(state["count"], mean, covariance, state["features"], state["logits"])
    except Exception:  # noqa: BLE001  (torch raises many types for a damaged file)
        return None
