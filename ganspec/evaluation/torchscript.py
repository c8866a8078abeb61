"""Read the tensors of a TorchScript archive without running any of its code."""

from __future__ import annotations

import io
import pickle
import zipfile
from collections import OrderedDict
from pathlib import Path, PurePosixPath

import torch

STORAGES = {
    "DoubleStorage": torch.float64,
    "FloatStorage": torch.float32,
    "HalfStorage": torch.float16,
    "LongStorage": torch.int64,
}


def read_tensors(path: Path) -> dict[str, torch.Tensor]:
    """Return an archive's tensors by the paths of their attributes, such as `net.conv.weight`.

    An archive is a zip file with the code of modules, a pickle of their attributes, and the bytes
    of tensors. The code is not read. The pickle may name only tensors, modules and collections; a
    module becomes an object without methods. Raises ValueError if the file is missing or damaged,
    or names other things.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            index = next(name for name in names if PurePosixPath(name).name == "data.pkl")
            pickled = io.BytesIO(archive.read(index))
            root = _TensorUnpickler(pickled, archive, str(PurePosixPath(index).parent)).load()
        return dict(_named(root, ""))
    except Exception as error:  # a damaged file can raise any exception
        raise ValueError(f"{path} is no TorchScript archive of tensors: {error}") from error


class _Module:
    """A module of the archive: its attributes alone, without code."""

    def __setstate__(self, state):
        self.attributes = state


class _TensorUnpickler(pickle.Unpickler):
    """An unpickler that makes only tensors and modules with attributes."""

    def __init__(self, file, archive, folder):
        super().__init__(file)
        self.archive, self.folder = archive, folder

    def find_class(self, module, name):
        if module == "__torch__" or module.startswith("__torch__."):
            return _Module
        if module == "torch" and name in STORAGES:
            return name
        match f"{module}.{name}":
            case "torch._utils._rebuild_tensor_v2":
                return _tensor
            case "collections.OrderedDict":
                return OrderedDict
        if module == "torch.jit._pickle":  # the archive's lists and types, which hold no weights
            return lambda *_: None
        raise pickle.UnpicklingError(f"it asks for {module}.{name}")

    def persistent_load(self, pid):
        _, storage, key, *_ = pid
        data = bytearray(self.archive.read(f"{self.folder}/data/{key}"))
        return torch.frombuffer(data, dtype=STORAGES[storage])


def _tensor(storage, offset, size, stride, *_):
    return storage.as_strided(size, stride, offset).clone()


def _named(value, path):
    """Yield (path, tensor) for each tensor in `value`, a module or one of its attributes.

    `path` is the path of `value`.
    """
    if isinstance(value, torch.Tensor):
        yield path, value
    elif isinstance(value, _Module):
        for name, inner in value.attributes.items():
            yield from _named(inner, f"{path}.{name}" if path else name)


def is_torchscript(path: Path) -> bool:
    """Return True if the file `path` is a TorchScript archive.

    Raises OSError if it cannot be read.
    """
    with path.open("rb") as file:
        if not zipfile.is_zipfile(file):
            return False
        with zipfile.ZipFile(file) as archive:
            return any(PurePosixPath(name).name == "constants.pkl" for name in archive.namelist())
