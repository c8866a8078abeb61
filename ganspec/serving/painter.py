"""Answers to the requests of the page: images of a run's generator, and files of latents."""

from __future__ import annotations

import copy
import io
import math
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import torch

from ganspec.report.page import data_uri
from ganspec.runs.run import used_files
from ganspec.sampling.forms import label_columns, picture_of, rows
from ganspec.sampling.interpolation import WAYS
from ganspec.sampling.label_names import LabelError, find_labels
from ganspec.sampling.pictures import columns_of
from ganspec.sampling.sampler import Sampler
from ganspec.serving.requests import (
    FavouritesRequest,
    ImagesRequest,
    LatentsRequest,
    PathRequest,
    RequestError,
    pack,
    unpack,
)
from ganspec.systems.source import Part, whole
from ganspec.training.device import choose_device

MOST_IMAGES = 256  # of one request
MOST_NUMBERS = 1 << 25  # in all images, or all latents, of one request: they are in memory at once

# an image as JSON: `png`, a data URI, `latent`, float32 in base64, and `labels`, a list of indices
ShownImage: TypeAlias = dict[str, object]


class Painter:
    """Answers the page's requests for images of one run.

    `sampler` draws them by the generator, or by the decoder of a VAE, and stays unchanged.
    `options` are the words of the command line, such as `--raw`, that make `ganspec sample` choose
    the same weights and device. `most` is the largest number of images of one request. `label_kind`
    is `classes`, `multi_hot`, or None if that network reads no label. `names` has a name for each
    class, by default its index.
    """

    def __init__(self, sampler: Sampler, options: Sequence[str] = ()):
        self.sampler, self.options = sampler, options
        numbers = max(math.prod(sampler.spec.data.shape), sampler.cfg.latent_size)
        self.most = max(1, min(MOST_IMAGES, MOST_NUMBERS // numbers))
        self.label_kind = None if sampler.labels is None else sampler.cfg.labels
        size = sampler.cfg.label_size if self.label_kind else 0
        names = sampler.names[:size]
        self.names = names + [str(index) for index in range(len(names), size)]

    @property
    def can_truncate(self) -> bool:
        """True if latents are normal; uniform latents are within bounds already."""
        return self.sampler.cfg.latent_distribution == "normal"

    @property
    def ways(self) -> list[str]:
        """The ways between two latents. On an arc, uniform latents would leave their range."""
        return ["spherical", "linear"] if self.can_truncate else ["linear"]

    def new_images(self, request: ImagesRequest) -> dict[str, object]:
        """Return new images, the number of columns of their grid, and a command that draws them.

        The keys are `images`, `columns` and `command`. Raises RequestError or RunError if the
        request does not suit the run, and SourceError if images are not finite.
        """
        if request.count > self.most:
            raise RequestError(f"count: {self.most} images of this run at most")
        sampler = self._sampler(request, request.labels)
        count = whole(request.count, sampler.own_batch)
        shown = self._shown(sampler, list(sampler.parts(count, request.seed)), request.count)
        columns = columns_of(sampler, request.count)
        return {"images": shown, "columns": columns, "command": self.command(request)}

    def path(self, request: PathRequest) -> dict[str, object]:
        """Return a dict with `rows`, a list of one row of images from `start` to `end`, or of two.

        There are two if the labels of `start` and `end` differ: all images of the first row have
        the label of `start`, all of the second that of `end`. A generator that normalizes by the
        batch takes the statistics of the seed's first batch, as for `ganspec sample --interpolate`.
        Raises RequestError or RunError if the request does not suit the run, and SourceError if
        images are not finite.
        """
        if request.frames > self.most:
            raise RequestError(f"frames: {self.most} images of this run at most")
        if request.way not in self.ways:
            raise RequestError("way: choose linear, since latents of this run are uniform")
        size, share = self.sampler.cfg.latent_size, torch.linspace(0, 1, request.frames)[:, None]
        start, end = (
            unpack(each.latent, size).expand(request.frames, -1)
            for each in (request.start, request.end)
        )
        latent = WAYS[request.way](start, end, share)
        choices = dict.fromkeys((tuple(request.start.labels), tuple(request.end.labels)))
        return {"rows": [self._row(request, list(labels), latent) for labels in choices]}

    def _row(
        self, request: PathRequest, labels: list[int], latent: torch.Tensor
    ) -> list[ShownImage]:
        """Return the images of `latent`, N x size, all with the label of the indices `labels`."""
        sampler = self._sampler(request, [])
        sampler.labels = self._label(labels)
        if sampler.own_batch:
            sampler.generator = copy.deepcopy(sampler.generator)
            sampler.fix_statistics(request.seed)
        part = (latent, *sampler.labels_of(torch.zeros(len(latent), dtype=torch.int64)))
        return self._shown(sampler, [part], len(latent))

    def archive(self, request: FavouritesRequest) -> bytes:
        """Return the bytes of an npz file with the latents and labels of favourite images.

        It holds `latents`, float32 N x size, and, if the generator reads labels, `labels`, int64 N
        classes, or `multi_hot`, uint8 N x classes. Raises RequestError if a latent or label does
        not fit the run.
        """
        size, file = self.sampler.cfg.latent_size, io.BytesIO()
        latents = torch.stack([unpack(each.latent, size) for each in request.favourites])
        labels = [self._label(each.labels) for each in request.favourites]
        read = [label for label in labels if label is not None]
        columns = {"latents": latents, **label_columns(read)}
        arrays: dict[str, Any] = {name: column.numpy() for name, column in columns.items()}
        np.savez(file, **arrays)
        return file.getvalue()

    def command(self, request: ImagesRequest) -> str:
        """Return the `ganspec sample` command, quoted for a shell, that draws the same images."""
        words = ["ganspec", "sample", str(self.sampler.run.folder), "-n", str(request.count)]
        words += ["--seed", str(request.seed)]
        words += ["--label", self._label_text(request.labels)] if request.labels else []
        words += ["--truncation", f"{request.truncation:.9g}"] if request.truncation else []
        words += [*self.options]
        for file in used_files(self.sampler.spec):
            words += ["--kinds", str(file.path)]
        return shlex.join(words)

    def _label_text(self, labels: list[int]) -> str:
        """Return labels as text for `--label`: names if they mean these labels, else indices."""
        text = ",".join(self.names[index] for index in labels)
        try:
            found = find_labels(text, self.sampler.spec, self.sampler.names)
            if torch.equal(found, self._tensor(labels)):
                return text
        except LabelError:
            pass
        return ",".join(map(str, labels))

    def _sampler(self, request: LatentsRequest, labels: list[int]) -> Sampler:
        """Return a copy of the sampler that draws images of `labels`, truncated as a request asks.

        The copy shares the sampler's networks. If `labels` is [], it takes the labels of the run's
        own pictures. Raises RequestError if labels do not fit the generator, and RunError if
        uniform latents are to be truncated.
        """
        sampler = copy.copy(self.sampler)
        if labels:
            sampler.labels, sampler.has_chosen_labels = self._tensor(labels), True
        if request.truncation is not None:
            sampler.truncate(request.truncation)
        return sampler

    def _tensor(self, labels: list[int]) -> torch.Tensor:
        """Return indices of labels, at least one, as a network reads them.

        They become N classes, int64, or a single multi-hot label, float 1 x classes. Raises
        RequestError if the generator reads no labels, or if an index is too large.
        """
        if self.label_kind is None:
            raise RequestError("labels: leave them out, since this run draws images without labels")
        if max(labels) >= len(self.names):
            raise RequestError(f"labels: choose numbers below {len(self.names)}")
        if self.label_kind == "classes":
            return torch.tensor(labels)
        return torch.zeros(1, len(self.names)).index_fill(1, torch.tensor(labels), 1.0)

    def _label(self, labels: list[int]) -> torch.Tensor | None:
        """Return the label of one image as a batch of one, None if the generator reads no label.

        `labels` are indices. Raises RequestError if they do not fit the generator.
        """
        if self.label_kind == "classes" and len(labels) != 1:
            raise RequestError("labels: give each image one class")
        if self.label_kind == "multi_hot" and not labels:
            return torch.zeros(1, len(self.names))
        return self._tensor(labels) if labels else None

    def _shown(self, sampler: Sampler, parts: list[Part], count: int) -> list[ShownImage]:
        """Return the first `count` images that `sampler` draws.

        A part is a batch of latents, with their labels if the generator reads any.
        """
        images = torch.cat([images for images, _ in sampler.drawn(parts, count)])
        latents, *labels = (torch.cat(column)[:count] for column in zip(*parts, strict=True))
        indices: list[list[int]] = [[] for _ in range(count)]
        if labels and labels[0].ndim == 1:
            indices = [[index] for index in labels[0].tolist()]
        elif labels:
            indices = [row.nonzero().flatten().tolist() for row in labels[0]]
        return [
            {"png": png_uri(pixels), "latent": pack(latent), "labels": label}
            for pixels, latent, label in zip(rows(images), latents, indices, strict=True)
        ]


def open_painter(folder: Path, device: str, step: int | None, raw: bool) -> Painter:
    """Return the painter of the run in `folder`.

    `device` is a name such as `auto` or `cuda`. The weights are those kept after `step`, by default
    the newest. `raw` chooses the trained weights, not their moving average. Raises RunError if the
    folder holds no run, no such weights or no generator, or if there is no such device; and
    CheckpointError if the weights cannot be loaded.
    """
    sampler = Sampler(folder, choose_device(device), step, raw)
    options = ["--step", str(step)] if step is not None else []
    options += ["--raw"] if raw else []
    options += ["--device", device] if device != "auto" else []
    return Painter(sampler, options)


def png_uri(pixels: np.ndarray) -> str:
    """Return an image, uint8 H x W x C, as a PNG in a data URI."""
    file = io.BytesIO()
    picture_of(pixels).save(file, "PNG")
    return data_uri(file.getvalue(), "png")
