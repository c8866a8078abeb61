"""Search for gradients that a network cuts, and for weights that it does not train."""

from __future__ import annotations

import warnings

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from ganspec.importing.graph import tensors

FRESH = ("_like", "new_")  # in names of functions whose result does not depend on their input


class CutRecorder(TorchFunctionMode):
    """Records calls that read a tensor with gradients and return one without."""

    def __init__(self) -> None:
        super().__init__()
        self.cuts: list[str] = []

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        has_gradient = any(tensor.requires_grad for tensor in tensors((args, kwargs)))
        result = func(*args, **kwargs)
        name = getattr(func, "__name__", "function").strip("_")
        name = "data" if name == "get" else name
        if has_gradient and not any(part in name for part in FRESH):
            ends = [each for each in tensors(result) if each.is_floating_point()]
            if ends and not any(each.requires_grad for each in ends):
                where = "" if torch.is_grad_enabled() else " under no_grad"
                self.cuts.append(f"{name}{where}")
        return result


def cut_gradients(network: nn.Module, inputs: list[torch.Tensor]) -> list[str]:
    """Return notes on gradients to the input that are cut, and on weights that are not trained."""
    parameters = list(network.named_parameters())
    frozen = [name for name, parameter in parameters if not parameter.requires_grad]
    notes = []
    for _, parameter in parameters:  # then only gradients to the inputs remain
        parameter.requires_grad_(False)
    try:
        recorder = CutRecorder()
        with torch.enable_grad(), warnings.catch_warnings(), recorder:
            warnings.simplefilter("ignore")
            network(*(_with_gradient(each) for each in inputs))
        if recorder.cuts:
            names = list(dict.fromkeys(recorder.cuts))
            notes.append(f"gradients are cut: {', '.join(names[:4])}")
    except Exception as error:  # the user's code may raise anything
        notes.append(f"whether gradients are cut: {type(error).__name__} when they were computed")
    finally:
        for name, parameter in parameters:
            parameter.requires_grad_(name not in frozen)
    if frozen:
        names = [*frozen[:4], *(["..."] if len(frozen) > 4 else [])]
        notes.append(f"weights that are not trained: {', '.join(names)}")
    return notes


def _with_gradient(tensor: torch.Tensor) -> torch.Tensor:
    """Return a copy of `tensor`; if it holds floats, one that code may change in place."""
    copy = tensor.clone()
    return copy.requires_grad_().clone() if copy.is_floating_point() else copy
