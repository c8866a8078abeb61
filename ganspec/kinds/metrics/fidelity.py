"""Import of torch-fidelity, even if torchvision does not fit the installed torch."""

from __future__ import annotations

import importlib
import sys
from types import ModuleType

import torch

from ganspec.language.errors import GanspecError

OPERATORS = ("nms", "qnms")  # torchvision cannot be imported unless torch knows these
_libraries: list[torch.library.Library] = []  # a deleted library would take its operators along


class FidelityError(GanspecError):
    """Raised when torch-fidelity is missing or cannot be imported."""


def import_fidelity(module: str) -> ModuleType:
    """Return torch-fidelity's module `module`. Raises FidelityError if it cannot be imported."""
    try:
        import_torchvision()
        return importlib.import_module(f"torch_fidelity.{module}")
    except (ImportError, RuntimeError) as error:
        raise FidelityError(
            f"torch-fidelity cannot be imported ({error}): pip install torch-fidelity torchvision"
        ) from error


def import_torchvision() -> None:
    """Import torchvision, which torch-fidelity needs for data sets that are not used here.

    If torch is built for the CPU but torchvision for a GPU, torchvision's compiled operators are
    missing, and its import fails. ganspec calls none of them: declare them without a body, and
    import torchvision again.
    """
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
        _libraries.append(library)
        importlib.import_module("torchvision")
