"""Feature extractors by the names that users give them."""

from __future__ import annotations

from pathlib import Path

import torch

from ganspec.evaluation.classifier import classifier_extractor
from ganspec.evaluation.extractor import Extractor, ExtractorError
from ganspec.evaluation.inception import inception_extractor


def open_extractor(
    name: str, device: torch.device, layer: str | None = None, inception_weights: Path | None = None
) -> Extractor:
    """Return the extractor `inception`, or the classifier in the run folder `name`.

    Raises ExtractorError, FidelityError, RunError and CheckpointError.
    """
    if name != "inception" and not Path(name).is_dir():
        raise ExtractorError(f"no extractor {name}: name a classifier's run folder, or inception")
    if name != "inception" and inception_weights is not None:
        raise ExtractorError(f"--inception-weights are not those of {name}: choose one extractor")
    with torch.random.fork_rng(devices=[]):  # torch-fidelity draws weights before it loads them
        if name == "inception":
            return inception_extractor(inception_weights, device, layer)
        return classifier_extractor(Path(name), device, layer)
