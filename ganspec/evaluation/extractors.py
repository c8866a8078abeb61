"""Open the feature extractor that a user names: InceptionV3, or a trained classifier."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import torch

from ganspec.evaluation.classifier import classifier_extractor, loaded_classifier
from ganspec.evaluation.extractor import Extractor, ExtractorError
from ganspec.evaluation.inception import inception_extractor
from ganspec.runs.opening import names_spec
from ganspec.systems.helping import shared
from ganspec.systems.ranks import Ranks

INCEPTION = "inception"


@dataclass(frozen=True)
class ExtractorChoice:
    """The choice of an extractor.

    `name` is `inception`, the run folder of a classifier, or the spec file of a classifier whose
    weights are in the file `weights`. `layer` is the layer whose output the features are, None for
    the usual one. The rest is for InceptionV3 only: `inception_weights` is the file of its weights,
    None for the usual places; `download` allows a download; `resize` is the way to resize images.
    """

    name: str = INCEPTION
    layer: str | None = None
    weights: Path | None = None
    inception_weights: Path | None = None
    resize: str | None = None
    download: bool = True


def open_extractor(choice: ExtractorChoice, device: torch.device) -> Extractor:
    """Return the chosen extractor, whose network computes on `device`.

    Raises ExtractorError, FidelityError, RunError, CheckpointError and SpecError.
    """
    name, path = choice.name, Path(choice.name)
    is_classifier = name != INCEPTION
    is_spec = is_classifier and names_spec(path)
    if is_classifier and choice.inception_weights is not None:
        raise ExtractorError(f"--inception-weights are not those of {name}: leave that option out")
    if is_classifier and choice.resize is not None:
        raise ExtractorError(f"{name} resizes images by its own spec: leave `resize` out")
    if choice.weights is not None and not is_spec:
        raise ExtractorError(
            "`weights` is for the spec file of a classifier: name that file as the extractor"
        )
    if is_spec and choice.weights is None:
        raise ExtractorError(f"{name} is a spec: set `weights` to the file of its weights")
    if is_classifier and not is_spec and not path.exists():
        raise ExtractorError(f"no extractor {name}: name a classifier's run or spec, or inception")
    # new networks draw weights at first, which must not change a training's random numbers
    with torch.random.fork_rng(devices=[]):
        if choice.weights is not None:
            return loaded_classifier(path, choice.weights, device, choice.layer)
        if is_classifier:
            return classifier_extractor(path, device, choice.layer)
        resize = choice.resize or "tensorflow1"
        return inception_extractor(
            choice.inception_weights, device, choice.layer, resize, choice.download
        )


def open_shared(choice: ExtractorChoice, device: torch.device, ranks: Ranks) -> Extractor:
    """Return the chosen extractor, for the first rank; in `activations`, the other ranks help.

    Raises the errors of `open_extractor`.
    """
    extractor = open_extractor(choice, device)
    if ranks.count == 1:
        return extractor
    make = partial(open_extractor, choice, device)
    return replace(extractor, extract_all=shared("features", make, extractor, ranks))
