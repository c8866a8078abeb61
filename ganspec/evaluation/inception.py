"""torch-fidelity's InceptionV3 as a feature extractor; its weights are read as data."""

from __future__ import annotations

import io
import os
from pathlib import Path
from urllib.error import URLError

import torch

from ganspec.evaluation.extractor import Extractor, ExtractorError, Pair, hashed
from ganspec.kinds.metrics.fidelity import fidelity

VARIABLE = "GANSPEC_INCEPTION"
BATCH = 50
LAYERS = ("64", "192", "768", "2048")  # torch-fidelity's names, from the input on
LOGITS = "logits_unbiased"  # what torch-fidelity, as Salimans et al.'s code, takes the score of


def inception_extractor(
    path: Path | None, device: torch.device, layer: str | None = None
) -> Extractor:
    """torch-fidelity's InceptionV3 of 2015, as FID is defined by.

    `path` is where its weights lie, None for `inception_weights`' places. `layer` is one of 64,
    192, 768 and 2048, its widths. Raises ExtractorError and FidelityError.
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

    def extract(images: torch.Tensor) -> Pair:
        images = images if images.shape[1] == 3 else images.expand(-1, 3, -1, -1)
        return network(images.to(device))

    resize = "tensorflow1"  # to 299 x 299, by torch-fidelity, within the network
    return Extractor("inception", hashed(state), layer, resize, extract, device, BATCH)


def read_weights(path: Path | None) -> tuple[dict[str, torch.Tensor], io.BytesIO]:
    """The weights, and the same as a file for torch-fidelity; raises ExtractorError.

    torch-fidelity would run whatever code a pickle holds. So the file is read here, tensors only,
    and it gets a copy that was written here.
    """
    path = located(path)
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise ExtractorError(f"{path} does not exist; {wanted()}") from None
    except Exception:  # torch raises many kinds for a damaged or hostile file
        raise ExtractorError(f"{path} is damaged, or holds more than weights; {wanted()}") from None
    if not isinstance(state, dict) or not all(map(torch.is_tensor, state.values())):
        raise ExtractorError(f"{path} holds no weights by name; {wanted()}")
    buffer = io.BytesIO()
    torch.save(state, buffer)
    buffer.seek(0)
    return state, buffer


def located(path: Path | None) -> Path:
    """The given file, that of the environment variable, or torch hub's, which is downloaded."""
    if path is not None:
        return path.expanduser()
    if given := os.environ.get(VARIABLE):
        return Path(given).expanduser()
    if not (place := hub_place()).is_file():
        download(place)
    return place


def url() -> str:
    """Where torch-fidelity's authors published the weights."""
    return fidelity("feature_extractor_inceptionv3").URL_INCEPTION_V3


def hub_place() -> Path:
    """Where torch hub, and torch-fidelity itself, keep the downloaded file."""
    return Path(torch.hub.get_dir()) / "checkpoints" / url().rpartition("/")[2]


def download(place: Path) -> None:
    """Fetch the weights to `place`, checked by the hash in their name; raises ExtractorError."""
    prefix = place.stem.rpartition("-")[2]
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        torch.hub.download_url_to_file(url(), str(place), hash_prefix=prefix, progress=True)
    except (URLError, OSError, RuntimeError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ExtractorError(
            f"InceptionV3 could not be downloaded ({reason}); {wanted()}"
        ) from None


def wanted() -> str:
    """Which file goes where, in words."""
    return f"put {url()} at {hub_place()}, or name it with --inception-weights or ${VARIABLE}"
