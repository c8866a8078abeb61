"""torch-fidelity's InceptionV3 as a feature extractor; its weight file cannot run code."""

from __future__ import annotations

import io
import os
from pathlib import Path
from urllib.error import URLError

import torch

from ganspec.evaluation.extractor import Extractor, ExtractorError, Outputs, hash_weights
from ganspec.kinds.metrics.fidelity import fidelity

VARIABLE = "GANSPEC_INCEPTION"
BATCH = 50
LAYERS = ("64", "192", "768", "2048")  # torch-fidelity's names of layers, from input to output
LOGITS = "logits_unbiased"  # the Inception Score's, as in Salimans et al.'s code


def inception_extractor(
    path: Path | None, device: torch.device, layer: str | None = None
) -> Extractor:
    """Return torch-fidelity's InceptionV3 of 2015, by which FID is defined.

    `path` is the file of its weights, None for the usual places. `layer` is 64, 192, 768 or 2048,
    its number of features. Raises ExtractorError and FidelityError.
    """
    layer = layer or LAYERS[-1]
    if layer not in LAYERS:
        raise ExtractorError(f"inception has no layer `{layer}`: use one of {', '.join(LAYERS)}")
    cls = fidelity("feature_extractor_inceptionv3").FeatureExtractorInceptionV3
    state, buffer = read_weights(path)
    try:
        network = cls("inception-v3-compat", [layer, LOGITS], buffer).to(device)
    except RuntimeError as error:
        raise ExtractorError(f"{path} holds weights of another network than InceptionV3") from error
    network.to(memory_format=torch.channels_last)

    def extract(images: torch.Tensor) -> Outputs:
        images = images if images.shape[1] == 3 else images.expand(-1, 3, -1, -1)
        return network(images.to(device))

    return Extractor(
        name="inception",
        sha256=hash_weights(state),
        layer=layer,
        resize="tensorflow1",  # to 299 x 299, by torch-fidelity, within the network
        extract=extract,
        device=device,
        batch=BATCH,
    )


def read_weights(path: Path | None) -> tuple[dict[str, torch.Tensor], io.BytesIO]:
    """Return the weights, and a copy of their file for torch-fidelity. Raises ExtractorError.

    torch-fidelity would run code in a pickle, so it gets a copy with tensors only.
    """
    path = find_weights(path)
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise ExtractorError(f"{path} does not exist; {advice()}") from None
    except Exception:  # torch raises many types for a damaged or hostile file
        raise ExtractorError(f"{path} is damaged, or holds more than weights; {advice()}") from None
    if not isinstance(state, dict) or not all(map(torch.is_tensor, state.values())):
        raise ExtractorError(f"{path} holds no weights by name; {advice()}")
    buffer = io.BytesIO()
    torch.save(state, buffer)
    buffer.seek(0)
    return state, buffer


def find_weights(path: Path | None) -> Path:
    """Return `path`, else the file that $GANSPEC_INCEPTION names, else torch hub's file.

    The latter is downloaded if it is missing.
    """
    if path is not None:
        return path.expanduser()
    if named := os.environ.get(VARIABLE):
        return Path(named).expanduser()
    if not (place := hub_place()).is_file():
        download(place)
    return place


def url() -> str:
    """Return the address at which torch-fidelity's authors published the weights."""
    return fidelity("feature_extractor_inceptionv3").URL_INCEPTION_V3


def hub_place() -> Path:
    """Return the path at which torch hub and torch-fidelity keep the downloaded file."""
    return Path(torch.hub.get_dir()) / "checkpoints" / url().rpartition("/")[2]


def download(place: Path) -> None:
    """Download the weights to `place` and check the hash in their name. Raises ExtractorError."""
    prefix = place.stem.rpartition("-")[2]
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        torch.hub.download_url_to_file(url(), str(place), hash_prefix=prefix, progress=True)
    except (URLError, OSError, RuntimeError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ExtractorError(
            f"InceptionV3 could not be downloaded ({reason}); {advice()}"
        ) from None


def advice() -> str:
    """Return advice on where to put the weights, for messages."""
    return f"put {url()} at {hub_place()}, or name it with --inception-weights or ${VARIABLE}"
