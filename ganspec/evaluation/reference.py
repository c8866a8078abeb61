"""Real images to score against, and what an extractor makes of them, computed once."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch.utils.data import DataLoader

from ganspec.atomic import replacing
from ganspec.evaluation.extractor import Extractor
from ganspec.kinds.activations import KEPT, Activations
from ganspec.kinds.dataset import DataError
from ganspec.kinds.datasets.image_folder import find_images
from ganspec.systems.feed import WORKERS, StreamedImages
from ganspec.systems.spec import Data
from ganspec.training.images import open_images

CACHE = Path("~/.cache/ganspec/references")
VERSION = 1  # of what the files there hold
CPU = torch.device("cpu")


@dataclass(frozen=True)
class RealImages:
    """A data set's split, or a folder; `images` are those of `open_images`, or a folder's files."""

    images: torch.Tensor | StreamedImages | list[Path]
    dataset: str
    split: str | None = None
    labels: torch.Tensor | None = None
    names: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.images)

    def batches(self, size: int) -> Iterator[torch.Tensor]:
        """All images, uint8 N x C x H x W, in their order."""
        if isinstance(self.images, torch.Tensor):
            yield from self.images.split(size)
        elif isinstance(self.images, StreamedImages):
            yield from DataLoader(
                self.images.files, size, num_workers=WORKERS, generator=torch.Generator()
            )
        else:
            yield from same_sizes(map(read_picture, self.images), size)

    @cached_property
    def sha256(self) -> str:
        """Of the pixels as they are scored; of the files where they are read as they come."""
        digest = hashlib.sha256()
        if isinstance(self.images, torch.Tensor):
            digest.update(f"{tuple(self.images.shape)}\n".encode())
            digest.update(self.images.contiguous().numpy())
            return digest.hexdigest()
        streamed = isinstance(self.images, StreamedImages)
        files = self.images.files.files if streamed else self.images
        digest.update(f"{self.images.files.form if streamed else 'own size'}\n".encode())
        for path in files:
            content = Path(path).read_bytes()
            digest.update(f"{len(content)}\n".encode())
            digest.update(content)
        return digest.hexdigest()


def open_real(data: Data, folder: Path | None, split: str | None) -> RealImages:
    """The images of a spec's data set, or of its other split; raises DataError."""
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
    """The pictures below a folder, each at its own size; raises DataError."""
    if not folder.is_dir():
        raise DataError(f"{folder} is no folder")
    files = list(find_images(folder))
    if not files:
        raise DataError(f"no jpg, png, webp, bmp or gif images in {folder}")
    return RealImages(files, folder.resolve().name)


def read_picture(path: Path) -> torch.Tensor:
    """A picture's pixels as pytorch-fid and torch-fidelity read them, uint8 3 x H x W."""
    try:
        with Image.open(path) as file:
            pixels = np.array(file.convert("RGB"))
    except Exception as error:  # PIL raises almost anything
        raise DataError(f"{path} cannot be read as an image") from error
    return torch.from_numpy(pixels).permute(2, 0, 1)


def same_sizes(pictures: Iterator[torch.Tensor], size: int) -> Iterator[torch.Tensor]:
    """Pictures stacked, up to `size` of those that follow each other and are equally large."""
    held: list[torch.Tensor] = []
    for picture in pictures:
        if held and (len(held) == size or held[0].shape != picture.shape):
            yield torch.stack(held)
            held = []
        held.append(picture)
    if held:
        yield torch.stack(held)


def reference_activations(
    real: RealImages, extractor: Extractor, tell: Callable[[int], None] = lambda done: None
) -> Activations:
    """What `extractor` makes of all of `real`, from the cache where the two were there before.

    Statistics are of all images; features and logits are kept of `KEPT` of them.
    """
    text = f"{VERSION} {real.sha256} {extractor.key} {extractor.device.type}"
    path = CACHE.expanduser() / f"{hashlib.sha256(text.encode()).hexdigest()}.pt"
    if (found := _cached(path)) is not None:
        return found
    made = extractor.activations(real.batches(extractor.batch), len(real), KEPT, tell)
    state = {
        "count": made.count,
        "mean": torch.from_numpy(made.mean),
        "covariance": torch.from_numpy(made.covariance),
        "features": made.features,
        "logits": made.logits,
    }
    try:
        with replacing(path) as temporary:
            torch.save(state, temporary)
    except OSError:  # a full disk, or a home that cannot be written: it is only a cache
        pass
    return made


def _cached(path: Path) -> Activations | None:
    """What a file of the cache holds; None where it is not there, or not whole."""
    try:
        state = torch.load(path, weights_only=True)
        mean, covariance = state["mean"].numpy(), state["covariance"].numpy()
        return Activations(state["count"], mean, covariance, state["features"], state["logits"])
    except Exception:  # noqa: BLE001  (torch raises many kinds for a damaged file)
        return None
