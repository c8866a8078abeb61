"""Feature extractors from trained classifiers: a run, or a spec with a file of weights."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import torch
from torch import nn

from ganspec.compiler.batches import require_scorable
from ganspec.compiler.evaluate import EvaluatedNetwork, evaluate
from ganspec.compiler.lower import lower
from ganspec.evaluation.extractor import Extractor, ExtractorError, Outputs
from ganspec.evaluation.weight_file import fit_state, read_state
from ganspec.kinds.datasets.images import fit_images
from ganspec.runs.opening import open_spec
from ganspec.runs.run import Run
from ganspec.sampling.sampler import load_weights, trained_network
from ganspec.systems.batches import scale_pixels
from ganspec.systems.checkpoint import hash_weights
from ganspec.systems.classifier.spec import Classifier
from ganspec.systems.source import own_batch

BATCH = 250  # images per pass, unless the classifier normalizes by the batch


def classifier_extractor(folder: Path, device: torch.device, layer: str | None) -> Extractor:
    """Return an extractor that applies the classifier of the run in `folder`.

    `layer` is the path or index of the layer whose output the features are, as for `extractor_of`.
    Raises ExtractorError, RunError and CheckpointError.
    """
    run = Run.open(folder)
    spec = run.spec
    if not isinstance(spec, Classifier):
        advice = "name a classifier's run or spec as the extractor, or inception"
        raise ExtractorError(f"{folder} trains no classifier: {advice}")
    network, cfg = trained_network(run, "classifier", load_weights(run), device)
    return extractor_of(TrainedClassifier(spec, network, cfg, folder.resolve().name), device, layer)


def loaded_classifier(
    path: Path, weights: Path, device: torch.device, layer: str | None
) -> Extractor:
    """Return an extractor that applies the classifier of a spec file, with the weights in a file.

    Any program may have written `weights`; `fit_state` fits them to the network. `layer` is the
    path or index of the layer whose output the features are, as for `extractor_of`. Raises
    ExtractorError and SpecError.
    """
    spec = open_spec(path)
    if not isinstance(spec, Classifier):
        raise ExtractorError(f"{path} describes no classifier: name one as the extractor")
    nets = lower(spec)
    network = evaluate(nets["classifier"])
    state, note = fit_state(read_state(weights), network.state_dict(), weights, spec.name)
    network.load_state_dict(state)
    origin = f"{weights.name}, {note}" if note else weights.name
    trained = TrainedClassifier(
        spec, network.to(device).eval(), spec.settings(nets), spec.name, origin
    )
    return extractor_of(trained, device, layer)


@dataclass(frozen=True)
class TrainedClassifier:
    """A classifier in evaluation mode, with its spec, its settings `cfg` and its name.

    `origin` is the file of its weights and a note on them; None for the weights of a run.
    """

    spec: Classifier
    network: EvaluatedNetwork
    cfg: SimpleNamespace
    name: str
    origin: str | None = None


def extractor_of(trained: TrainedClassifier, device: torch.device, layer: str | None) -> Extractor:
    """Return an extractor that applies a trained classifier.

    The logits are the classifier's outputs, or the logarithms of outputs that are probabilities.
    The features are the output of `layer`: a path such as `layers.5`, or an index such as -1 for
    the last layer. If it is None, they are the input of the last linear or convolutional layer.
    Feature maps are averaged over height and width. Raises ExtractorError if there is no such
    layer, or if its output cannot be read.
    """
    spec, network, cfg = trained.spec, trained.network, trained.cfg
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # not in torch's stub
    tap = feature_tap(network, layer)
    seen: dict[str, torch.Tensor] = {}  # of the last call, if the module is called several times
    if tap.reads_input:
        tap.module.register_forward_pre_hook(lambda _, inputs: seen.update(features=inputs[0]))
    else:
        tap.module.register_forward_hook(lambda _, inputs, output: seen.update(features=output))
    channels, height, width = spec.data.shape
    has_probabilities = spec.objective.loss.outputs == "probabilities"

    def extract(images: torch.Tensor) -> Outputs:
        fitted = fit_images(images, height, width, channels, spec.data.resize)
        pixels = scale_pixels(fitted.to(device), cfg)
        logits = network(pixels.contiguous(memory_format=torch.channels_last))
        features = seen.pop("features")
        features = features.mean((2, 3)) if features.ndim == 4 else features.flatten(1)
        if has_probabilities:  # metrics apply softmax: that of log p is p; log 0 is infinite
            logits = logits.clamp(min=torch.finfo(logits.dtype).tiny).log()
        return features, logits

    return Extractor(
        name=trained.name,
        sha256=hash_weights(network.state_dict()),
        layer=tap.path,
        resize=spec.data.resize,
        extract=extract,
        device=device,
        batch=own_batch(network, cfg) or BATCH,
        classes=spec.label.kind,
        origin=trained.origin,
        require=partial(_require, trained),
    )


def _require(trained: TrainedClassifier, count: int) -> None:
    """Raise BatchSizeError if the classifier cannot read one of the batches of `count` images."""
    if batch := own_batch(trained.network, trained.cfg):
        require_scorable("classifier", trained.network.program, count, batch)


@dataclass(frozen=True)
class FeatureTap:
    """The place in a network at which features are read: the input or the output of `module`.

    `path` is the path of the layer whose output the features are; `input` if they are the network's
    input.
    """

    module: nn.Module
    reads_input: bool
    path: str


def feature_tap(network: EvaluatedNetwork, layer: str | None) -> FeatureTap:
    """Return the tap at the output of `layer`, a path or an index as text.

    If `layer` is None, return the tap at the input of the last linear or convolutional layer.
    Raises ExtractorError if there is no such layer, or if its output cannot be read.
    """
    leaves = list(network.leaves())
    paths = [step.origin.path.partition(".")[2] for step, _ in leaves]
    if layer is None:
        for index, (_, module) in reversed(list(enumerate(leaves))):
            if isinstance(module, nn.Linear | nn.Conv2d):
                return FeatureTap(module, True, paths[index - 1] if index > 0 else "input")
        message = "the classifier has no linear or conv layer"
        raise ExtractorError(f"{message}: set `layer` to the layer of the features")
    index = _layer_index(layer, paths)
    step, module = leaves[index]
    if module is not None:
        return FeatureTap(module, False, paths[index])
    # a function has no hook, so read its output as the input of the next module
    if index + 1 < len(leaves):
        reader, module = leaves[index + 1]
        if module is not None and reader.inputs == (step.output.id,):
            return FeatureTap(module, True, paths[index])
    raise ExtractorError(f"layer {paths[index]} is no module: choose the layer before or after it")


def _layer_index(layer: str, paths: list[str]) -> int:
    """Return the index in `paths` of the layer that `layer` names by its path or its index.

    Raises ExtractorError if there is no such layer.
    """
    if layer in paths:
        return len(paths) - 1 - paths[::-1].index(layer)  # the last of several calls
    if layer.removeprefix("-").isdecimal() and -len(paths) <= int(layer) < len(paths):
        return int(layer) % len(paths)
    last = ", ".join(paths[-6:])
    message = f"the extractor has no layer `{layer}`: its last layers are {last}"
    raise ExtractorError(f"{message}, by index {-len(paths[-6:])} to -1")
