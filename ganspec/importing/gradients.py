"""Search for gradients that a network cuts, and for weights that it does not train."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from typing import Any

import torch
from torch import nn
from torch.autograd.function import BackwardCFunction
from torch.overrides import TorchFunctionMode

from ganspec.importing.graph import mapped, tensors
from ganspec.importing.likeness import SEED
from ganspec.importing.weights import FRESH, few, hooked, side_effects, untrained

NO_GRAD = " under no_grad"  # follows the name of a function that was called under no_grad


class CutRecorder(TorchFunctionMode):
    """Recorder of calls that read a tensor with gradients and return floats without.

    `cuts` has the functions' names, such as `detach` or `mul under no_grad`, but none that contains
    a part in FRESH. If `changing`, such calls return other numbers, so that outputs that depend on
    these change.
    """

    def __init__(self, changing: bool = False) -> None:
        super().__init__()
        self.changing = changing
        self.cuts: list[str] = []

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        has_gradient = any(tensor.requires_grad for tensor in tensors((args, kwargs)))
        result = func(*args, **kwargs)
        name = getattr(func, "__name__", "function").strip("_")
        name = "data" if name == "get" else name  # `x.data` is read by a function `__get__`
        if has_gradient and not any(part in name for part in FRESH):
            floats = [each for each in tensors(result) if each.is_floating_point()]
            if floats and not any(each.requires_grad for each in floats):
                where = "" if torch.is_grad_enabled() else NO_GRAD
                self.cuts.append(f"{name}{where}")
                if self.changing:
                    return mapped(result, _changed)
        return result


def _changed(leaf: Any) -> Any:
    """Return other numbers for a tensor of floats, and any other leaf unchanged."""
    is_float = isinstance(leaf, torch.Tensor) and leaf.is_floating_point()
    return 1.5 * leaf + 1 if is_float else leaf


def cut_gradients(network: nn.Module, inputs: list[torch.Tensor]) -> list[str]:
    """Return notes on gradients that do not reach the inputs, and on weights that are not trained.

    There are also notes on gradients that the code defines itself, on hooks of weights, on side
    effects, and on an error of the code. Return [] if there is nothing to note.
    """
    parameters = list(network.named_parameters())
    frozen = [name for name, parameter in parameters if not parameter.requires_grad]
    notes = []
    network.requires_grad_(False)  # so that only the inputs have gradients
    try:
        outputs, cuts = _run(network, inputs, CutRecorder())
        if cuts:  # a cut value may be one that is only logged, or of which only the shape is read
            others, _ = _run(network, inputs, CutRecorder(changing=True))
            if all(map(torch.equal, outputs, others)):
                cuts = []
        if own := own_functions(outputs):
            notes.append(f"gradients that the code defines: {', '.join(own)}")
            # such a function runs under no_grad, which is not a cut of the code
            cuts = [cut for cut in cuts if not cut.endswith(NO_GRAD)]
        if cuts:
            notes.append(f"gradients are cut: {few(list(dict.fromkeys(cuts)))}")
        for name, parameter in parameters:
            parameter.requires_grad_(name not in frozen)
        notes += weight_notes(network, inputs)
        notes += side_effects(network, inputs)
    except Exception as error:  # the user's code may raise anything
        notes.append(f"whether gradients are cut, since the code raised {type(error).__name__}")
    finally:
        for name, parameter in parameters:
            parameter.requires_grad_(name not in frozen)
    if frozen:
        notes.append(f"weights that are not trained: {few(frozen)}")
    return notes


def _run(
    network: nn.Module, inputs: list[torch.Tensor], recorder: CutRecorder
) -> tuple[list[torch.Tensor], list[str]]:
    """Return the outputs of the network on inputs with gradients, and the recorded cuts."""
    quiet = warnings.catch_warnings(action="ignore")
    with torch.random.fork_rng(devices=[]), torch.enable_grad(), quiet:
        torch.manual_seed(SEED)
        with recorder:
            outputs = network(*(_with_gradient(each) for each in inputs))
    return list(tensors(outputs)), recorder.cuts


def weight_notes(network: nn.Module, inputs: list[torch.Tensor]) -> list[str]:
    """Return notes on trainable weights that get no gradient, or that have hooks.

    Raises any error of `network`.
    """
    found = {"weights whose gradients hooks change": hooked(network)}
    with torch.enable_grad(), warnings.catch_warnings(action="ignore"):
        starts = [_with_gradient(each) for each in inputs]
        found["weights that get no gradient"] = untrained(network, starts)
    return [f"{what}: {few(names)}" for what, names in found.items() if names]


def own_functions(outputs: Iterable[torch.Tensor]) -> list[str]:
    """Return the names of the user's `torch.autograd.Function`s in the graphs of the outputs."""
    nodes = [output.grad_fn for output in outputs if output.grad_fn is not None]
    seen, names = set(nodes), list[str]()
    while nodes:
        node = nodes.pop()
        if isinstance(node, BackwardCFunction):
            names.append(type(node).__name__.removesuffix("Backward"))
        following = {each for each, _ in node.next_functions if each is not None} - seen
        seen |= following
        nodes += following
    return list(dict.fromkeys(names))


def _with_gradient(tensor: torch.Tensor) -> torch.Tensor:
    """Return a copy of `tensor` that requires gradients if it holds floats."""
    copy = tensor.clone()
    # a second copy, since the user's code may change its input, which autograd forbids for a leaf
    return copy.requires_grad_().clone() if copy.is_floating_point() else copy
