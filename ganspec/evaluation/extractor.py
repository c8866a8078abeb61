"""Feature extractors: what makes features and logits of images, one pass for both."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch

from ganspec.kinds.activations import Activations, gathered
from ganspec.kinds.metrics.fidelity import fidelity
from ganspec.language.errors import GanspecError

Pair = tuple[torch.Tensor, torch.Tensor]


class ExtractorError(GanspecError):
    """An extractor that is not there, or that cannot read what it is to score."""


@dataclass(frozen=True)
class Extractor:
    """What makes features and logits of images, one pass for both.

    `extract` reads uint8 N x C x H x W of any size, grey or colour, on the CPU, and gives float32
    N x features and N x classes on `device`. `classes` says which: one an image (`classes`),
    several (`multi_hot`), or None for Inception's, which are no data set's labels.
    """

    name: str
    sha256: str
    layer: str
    resize: str
    extract: Callable[[torch.Tensor], Pair]
    device: torch.device
    batch: int  # images that go through at once
    classes: str | None = None

    def __call__(self, images: torch.Tensor) -> Pair:
        with torch.inference_mode():
            features, logits = self.extract(images)
        return features.cpu(), logits.cpu()

    def activations(
        self,
        batches: Iterator[torch.Tensor],
        total: int,
        kept: int | None = None,
        tell: Callable[[int], None] = lambda done: None,
    ) -> Activations:
        """Of `total` images that come in batches; `kept` as in `gathered`."""

        def parts() -> Iterator[Pair]:
            done = 0
            for images in batches:
                yield self(images)
                done += len(images)
                tell(done)

        return gathered(parts(), total, kept)

    @property
    def key(self) -> str:
        """Whatever its features depend on."""
        return f"{self.sha256} {self.layer} {self.resize}"


def hashed(state: dict[str, torch.Tensor]) -> str:
    """SHA-256 of weights: of their names, types, shapes and numbers."""
    digest = hashlib.sha256()
    for name, tensor in state.items():
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy())
    return digest.hexdigest()


def register(extractor: Extractor, name: str) -> None:
    """Make `extractor` one of torch-fidelity's, so that its own calls find it as `name`.

    They read uint8 N x 3 x H x W: grey images come three times over, and are grey again here.
    """
    base = fidelity("feature_extractor_base").FeatureExtractorBase

    class Registered(base):
        """An extractor of ganspec behind torch-fidelity's interface."""

        def __init__(self, name, features_list, **_):
            super().__init__(name, features_list)

        @staticmethod
        def get_provided_features_list():
            return "features", "logits"

        @staticmethod
        def get_default_feature_layer_for_metric(metric):
            return "logits" if metric == "isc" else "features"

        @staticmethod
        def can_be_compiled():
            return False

        def forward(self, images):
            found = dict(zip(self.get_provided_features_list(), extractor(images), strict=True))
            return tuple(found[key] for key in self.features_list)

    fidelity("registry").register_feature_extractor(name, Registered)
