"""torch-fidelity, imported beside a torch that its own torchvision does not fit."""

from __future__ import annotations

import importlib
import sys
from types import ModuleType

from ganspec.language.errors import GanspecError

OPERATORS = ("nms", "qnms")  # those that torchvision describes as soon as it is imported
_kept: list[object] = []  # torch forgets a library's operators with the library


class FidelityError(GanspecError):
    """torch-fidelity is not there, or cannot be imported."""


def fidelity(module: str = "") -> ModuleType:
    """torch-fidelity's module of that name, or itself; raises FidelityError."""
    try:
        import_torchvision()
        return importlib.import_module(f"torch_fidelity{module and '.' + module}")
    except ImportError as error:
        raise FidelityError(
            f"torch-fidelity cannot be imported ({error}): pip install torch-fidelity torchvision"
        ) from error


def import_torchvision() -> None:
    """Import torchvision, which torch-fidelity does for data sets that are not used here.

    A torchvision built for a GPU finds none of its compiled operators beside a torch built for
    the CPU, and its import then fails over the first one that it describes. None of them is
    needed: they are declared without a body, and the import is tried again.
    """
    import torch

    try:
        import torchvision  # noqa: F401
    except RuntimeError as error:
        if "torchvision::nms does not exist" not in str(error):
            raise
        for name in [n for n in sys.modules if n.split(".")[0] == "torchvision"]:
            del sys.modules[name]
        library = torch.library.Library("torchvision", "DEF")
        for name in OPERATORS:
            library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        _kept.append(library)
        importlib.import_module("torchvision")
