"""torch-fidelity's InceptionV3 as a feature extractor."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from ganspec.evaluation.extractor import Extractor, ExtractorError, Outputs
from ganspec.evaluation.inception_weights import InceptionWeights, advice, find_weights
from ganspec.kinds.metrics.fidelity import import_fidelity
from ganspec.systems.checkpoint import hash_weights

BATCH = 50  # images per pass
SIZE = 299  # height and width of the images that the network reads
# torch-fidelity's names of layers, which are their numbers of features, by module
LAYERS = {"MaxPool_1": "64", "MaxPool_2": "192", "Mixed_6e": "768", "AvgPool": "2048"}


def inception_extractor(
    path: Path | None, device: torch.device, layer: str | None, resize: str, download: bool
) -> Extractor:
    """Return an extractor that applies the InceptionV3 of 2015, by which FID is defined.

    `path` is the file of its weights; None searches the usual places, and downloads them if there
    are none and `download` is True. `layer` is its number of features as text, None for 2048; see
    LAYERS. `resize` is `tensorflow1` or `bilinear`. Raises ExtractorError and FidelityError.
    """
    layer = layer or "2048"
    if layer not in LAYERS.values():
        names = ", ".join(LAYERS.values())
        raise ExtractorError(f"inception has no layer `{layer}`: use one of {names}")
    weights = find_weights(path, download)
    has_logits = weights.has_logits  # asked only once, as it searches the whole last layer
    network = build_network(weights)
    state = network.state_dict()  # the names are the same for weights of every origin
    known = {k: v for k, v in state.items() if has_logits or not k.startswith("fc.")}
    sha256 = hash_weights(known)
    fold_batch_norms(network)
    network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]  # not in torch's stub

    def extract(images: torch.Tensor) -> Outputs:
        features, logits = run_network(network, images.to(device), layer, resize)
        return features, logits if has_logits else logits[:, :0]

    return Extractor(
        name="inception",
        sha256=sha256,
        layer=layer,
        resize=resize,
        extract=extract,
        device=device,
        batch=BATCH,
        origin=weights.origin,
        has_logits=has_logits,
    )


def run_network(network: nn.Module, images: torch.Tensor, layer: str, resize: str) -> Outputs:
    """Return the features of `layer`, and logits without bias, as in Salimans et al.'s code.

    Features are averaged over height and width. `images` are uint8, N x C x H x W, grey or colour.
    The modules are applied here, since the network's own `forward` resizes in one way only.
    """
    x = resized(images.expand(-1, 3, -1, -1).float(), resize)
    for name, module in network.named_children():
        if isinstance(module, nn.Linear):
            logits = x.flatten(1) @ module.weight.T
        else:
            x = module(x)
        if LAYERS.get(name) == layer:
            features = F.adaptive_avg_pool2d(x, 1).flatten(1)
    return features, logits


def fold_batch_norms(network: nn.Module) -> None:
    """Replace each convolution and its batch norm by one convolution with a bias, in place.

    Both are linear functions. The new weights are computed in double precision, so that rounding
    errors of the features stay as small as those of the unchanged network.
    """
    for module in list(network.modules()):
        if isinstance(norm := getattr(module, "bn", None), nn.BatchNorm2d):
            conv = module.get_submodule("conv")
            assert isinstance(conv, nn.Conv2d)
            module.add_module("conv", fuse_conv_bn_eval(conv.double(), norm.double()).float())
            module.add_module("bn", nn.Identity())


def resized(images: torch.Tensor, method: str) -> torch.Tensor:
    """Return images as the network reads them: 299 x 299, with numbers of about -1 to 1.

    `images` are floats of 0 to 255, N x 3 x H x W. The method `tensorflow1` resizes as the FID's
    authors and torch-fidelity do; `bilinear` resizes as pytorch-fid does, with the pixels' centres
    aligned.
    """
    if method == "bilinear":
        return 2 * F.interpolate(images / 255, SIZE, mode="bilinear", align_corners=False) - 1
    columns = interpolate(images, SIZE)
    return (interpolate(columns.mT, SIZE).mT - 128) / 128


def interpolate(images: torch.Tensor, width: int) -> torch.Tensor:
    """Return images resized linearly to `width` columns: column i is read at i * old width / width.

    `resized` computes all columns, then all rows. torch-fidelity computes the columns of a row anew
    each time it reads the row. Both ways give the same numbers, bit for bit.
    """
    scale = torch.tensor(images.shape[-1] / width, dtype=torch.float32, device=images.device)
    place = torch.arange(width, dtype=torch.float32, device=images.device) * scale
    low = place.long()
    first = images[..., low]
    second = images[..., (low + 1).clamp(max=images.shape[-1] - 1)]
    return first + (second - first) * (place - low)


def build_network(weights: InceptionWeights) -> nn.Module:
    """Return torch-fidelity's network with these weights.

    Raises ExtractorError if they do not fit, and FidelityError if torch-fidelity is missing.
    """
    base: Any = import_fidelity(
        "feature_extractor_inceptionv3"
    ).FeatureExtractorInceptionV3  # untyped

    class Network(base):
        """torch-fidelity's network, with weights from memory in place of those in a pickle."""

        def load_state_dict(self, *_, **__):
            weights.fill(self)

    empty = io.BytesIO()
    torch.save({}, empty)
    empty.seek(0)
    try:
        return Network("inception-v3-compat", list(LAYERS.values()), empty)
    except (ValueError, RuntimeError) as error:
        message = f"{weights.origin} holds weights of another network than InceptionV3"
        raise ExtractorError(f"{message}; {advice()}") from error
