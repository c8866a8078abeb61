"""A trained classifier's run as a feature extractor."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn

from ganspec.compiler.evaluate import EvaluatedNetwork
from ganspec.evaluation.extractor import Extractor, ExtractorError, Pair, hashed
from ganspec.kinds.datasets.images import fit_images
from ganspec.runs.run import Run
from ganspec.sampling.sampler import trained, weights
from ganspec.systems.batches import scale_pixels

BATCH = 250


def classifier_extractor(folder: Path, device: torch.device, layer: str | None) -> Extractor:
    """A trained classifier: what its last layer with weights reads, and its outputs as logits.

    `layer` takes what that layer makes in place of it: a path such as `layers.5`, or a number as
    Python counts layers, the last being -1. Maps are averaged over height and width. Raises
    ExtractorError, RunError and CheckpointError.
    """
    run = Run.open(folder)
    spec = run.spec
    if not spec.predicts:
        raise ExtractorError(f"{folder} trains no classifier; --extractor takes one, or inception")
    network, cfg = trained(run, spec.predicts, weights(run), device)
    network.to(memory_format=torch.channels_last)
    module, reads, path = chosen_layer(network, layer)
    seen: dict[str, torch.Tensor] = {}
    if reads:
        module.register_forward_pre_hook(lambda _, inputs: seen.update(out=inputs[0]))
    else:
        module.register_forward_hook(lambda _, inputs, out: seen.update(out=out))
    channels, height, width = spec.data.shape
    probabilities = spec.objective.loss.outputs == "probabilities"

    def extract(images: torch.Tensor) -> Pair:
        fitted = fit_images(images, height, width, channels, spec.data.resize)
        pixels = scale_pixels(fitted.to(device), cfg)
        outputs = network(pixels.contiguous(memory_format=torch.channels_last))
        features = seen.pop("out")
        features = features.mean((2, 3)) if features.ndim == 4 else features.flatten(1)
        if probabilities:  # their softmax is what they were; no log of zero
            outputs = outputs.clamp(min=torch.finfo(outputs.dtype).tiny).log()
        return features, outputs

    name = folder.resolve().name
    sha256 = hashed(network.state_dict())
    return Extractor(name, sha256, path, spec.data.resize, extract, device, BATCH, spec.label.kind)


def chosen_layer(network: EvaluatedNetwork, layer: str | None) -> tuple[nn.Module, bool, str]:
    """A module, whether what it reads is meant, not what it makes, and the path of the layer."""
    found = list(network.leaves())
    paths = [step.origin.path.partition(".")[2] for step, _ in found]
    if layer is None:
        index = max(i for i, (_, m) in enumerate(found) if isinstance(m, nn.Linear | nn.Conv2d)) - 1
        return found[index + 1][1], True, paths[index] if index >= 0 else "input"
    index = _index(layer, paths)
    step, module = found[index]
    if module is not None:
        return module, False, paths[index]
    after, reader = found[index + 1] if index + 1 < len(found) else (None, None)
    if reader is None or after.inputs != (step.output.id,):
        raise ExtractorError(f"layer {paths[index]} is no module: choose the one before or after")
    return reader, True, paths[index]


def _index(layer: str, paths: list[str]) -> int:
    if layer in paths:
        return len(paths) - 1 - paths[::-1].index(layer)  # of several calls, the last
    if layer.lstrip("-").isdigit() and -len(paths) <= int(layer) < len(paths):
        return int(layer) % len(paths)
    shown = ", ".join(paths[-6:])
    raise ExtractorError(f"the extractor has no layer `{layer}`: ..., {shown}, or 0 to -1")
