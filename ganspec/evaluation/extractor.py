"""Feature extractors, networks that compute features and logits of images in one pass."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

import torch

from ganspec.kinds.activations import Activations, gather
from ganspec.kinds.metrics.fidelity import import_fidelity
from ganspec.language.errors import GanspecError

Outputs: TypeAlias = tuple[torch.Tensor, torch.Tensor]  # features, logits
CountProgress: TypeAlias = Callable[[int], None]  # called with the number of images done so far


class ExtractorError(GanspecError):
    """Raised when an extractor cannot be opened as requested, or its weights cannot be used."""


@dataclass(frozen=True)
class Extractor:
    """A network that computes features and logits of images.

    `sha256` is the hash of its weights, `origin` their file or package, None for those of a run.
    `layer` is the layer whose output the features are, `resize` the way to resize images. `extract`
    reads uint8 images, N x C x H x W of any size, grey or colour, on the CPU. It returns float32
    features and logits, N x features and N x classes, on `device`; the logits are N x 0 if
    `has_logits` is False. `classes` is the kind of labels that the logits predict: `classes` (one
    per image) or `multi_hot` (several); None for InceptionV3, whose classes are ImageNet's.
    `require(count)` raises an error if `count` images, split into batches of `batch`, include a
    batch that the network cannot read. `extract_all`, if not None, yields the outputs for many
    batches, on the CPU, with the help of other processes.
    """

    name: str
    sha256: str
    layer: str
    resize: str
    extract: Callable[[torch.Tensor], Outputs]
    device: torch.device
    batch: int  # images per pass
    classes: str | None = None
    origin: str | None = None
    has_logits: bool = True
    require: Callable[[int], None] = lambda count: None
    extract_all: Callable[[Iterator[torch.Tensor]], Iterator[Outputs]] | None = None

    def __call__(self, images: torch.Tensor) -> Outputs:
        """Return the outputs of `extract` on the CPU, without a graph for gradients."""
        with torch.inference_mode():
            features, logits = self.extract(images)
        return features.cpu(), logits.cpu()

    def activations(
        self,
        batches: Iterator[torch.Tensor],
        total: int,
        kept: int | None = None,
        on_progress: CountProgress = lambda done: None,
    ) -> Activations:
        """Return the activations of `total` images that `batches` yields.

        Mean and covariance are over all images; features and logits are kept for `kept` images,
        None for all. `on_progress` is called after each batch with the number of images done so
        far.
        """

        def parts() -> Iterator[Outputs]:
            done = 0
            for part in self.extract_all(batches) if self.extract_all else map(self, batches):
                yield part
                done += len(part[0])
                on_progress(done)

        return gather(parts(), total, kept)

    @property
    def key(self) -> str:
        """A text that differs if the weights, the layer or the way to resize differ."""
        return f"{self.sha256} {self.layer} {self.resize}"


def register(extractor: Extractor, name: str) -> None:
    """Register `extractor` with torch-fidelity, whose functions then find it by `name`.

    They call it with uint8 images, N x 3 x H x W, so a grey image has three equal channels.
    """
    base: Any = import_fidelity("feature_extractor_base").FeatureExtractorBase  # untyped
    provided = ("features", "logits")

    class Registered(base):
        """An extractor of ganspec behind torch-fidelity's interface."""

        def __init__(self, name, features_list, **_):
            super().__init__(name, features_list)

        @staticmethod
        def get_provided_features_list():
            return provided

        @staticmethod
        def get_default_feature_layer_for_metric(metric):
            return "logits" if metric == "isc" else "features"

        @staticmethod
        def can_be_compiled():
            return False

        def forward(self, images):
            outputs = dict(zip(provided, extractor(images), strict=True))
            return tuple(outputs[key] for key in self.features_list)

    import_fidelity("registry").register_feature_extractor(name, Registered)
