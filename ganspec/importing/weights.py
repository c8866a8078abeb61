"""Search for weights that layers share, and for those that are trained in an unusual way."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import nn
from torch.nn.utils.parametrizations import _SpectralNorm
from torch.nn.utils.spectral_norm import SpectralNorm
from torch.overrides import TorchFunctionMode

from ganspec.importing.graph import tensors

# parts of the names of functions, such as `zeros_like`, that do not read their input's numbers and
# therefore give it no gradient
FRESH = ("_like", "new_")


def few(names: Sequence[str]) -> str:
    """Return the first four names as one text, with dots if there are more."""
    return ", ".join([*names[:4], *(["..."] if len(names) > 4 else [])])


def places(network: nn.Module) -> dict[int, int]:
    """Return the address of each parameter's numbers in memory, by the parameter's id.

    Parameters such as `nn.Parameter(other.weight.t())` share their numbers, although they are
    different objects.
    """
    return {id(p): p.data_ptr() for p in network.parameters() if p.numel()}


def shared(paths: Mapping[nn.Module, str], at: Mapping[int, int]) -> list[str]:
    """Return the names of parameters that share their numbers, such as `a.weight = b.weight`.

    `paths` has the modules that were called, each with its name in the network; `at` is the result
    of `places`.
    """
    modules = {
        part: ".".join(filter(None, (path, inner)))
        for module, path in paths.items()
        for inner, part in module.named_modules()
    }
    owners: dict[int, list[str]] = {}
    for part, path in modules.items():
        for name, parameter in part.named_parameters(recurse=False):
            place = at.get(id(parameter), id(parameter))
            owners.setdefault(place, []).append(f"{path}.{name}".lstrip("."))
    return [" = ".join(names) for names in owners.values() if len(names) > 1]


# -- training ---------------------------------------------------------------------------------


class UseRecorder(TorchFunctionMode):
    """Recorder of the ids of the tensors whose numbers functions read, in `used`."""

    def __init__(self) -> None:
        super().__init__()
        self.used: set[int] = set()

    def __torch_function__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        name = getattr(func, "__name__", "")
        # `size`, `weight.device` and others that return no tensor read no numbers
        if any(True for _ in tensors(result)) and not any(part in name for part in FRESH):
            self.used |= {id(tensor) for tensor in tensors((args, kwargs))}
        return result


def untrained(network: nn.Module, inputs: Sequence[torch.Tensor]) -> list[str]:
    """Return the names of trainable parameters that `network` reads, but that get no gradient.

    `inputs` require gradients if they hold floats. Raises any error of `network`.
    """
    recorder = UseRecorder()
    network.zero_grad()
    with torch.enable_grad():
        with recorder:
            outputs = list(tensors(network(*inputs)))
        sums = [each.float().sum() for each in outputs if each.requires_grad]
        if sums:
            # not `autograd.grad`: code that recomputes its activations does not support it
            torch.stack(sums).sum().backward()
    names = [
        name
        for name, parameter in network.named_parameters()
        if parameter.requires_grad and parameter.grad is None and id(parameter) in recorder.used
    ]
    network.zero_grad()
    return names


def side_effects(network: nn.Module, inputs: Sequence[torch.Tensor]) -> list[str]:
    """Return notes on what is unusual in calls of `network`.

    Calls may change weights, or draw random numbers that are not torch's; modules may stay in
    evaluation mode; weights may not be float32. Raises any error of `network`.
    """
    parameters = dict(network.named_parameters())
    kept = {name: each.detach().clone() for name, each in parameters.items()}
    # new numbers, since a change by an earlier call may have no effect a second time
    given = {name: 3 * each + 1 for name, each in kept.items()}
    drawn = _other_generators()
    changed: dict[str, None] = {}  # names, each once, in the order of the network
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        try:
            for training in (True, False):
                for name, each in parameters.items():
                    each.copy_(given[name])
                network.train(training)(*(each.clone() for each in inputs))
                different = (n for n, each in parameters.items() if not each.equal(given[n]))
                changed |= dict.fromkeys(different)
        finally:
            network.train()
            for name, each in parameters.items():
                each.copy_(kept[name])
    notes = [f"weights that calls change: {few(list(changed))}"] if changed else []
    if drawn != _other_generators():
        notes.append("random numbers that are not torch's")
    if still := [name for name, module in network.named_modules() if not module.training]:
        notes.append(f"modules that stay in evaluation mode while training: {few(still)}")
    kinds = {str(each.dtype).removeprefix("torch.") for each in parameters.values()} - {"float32"}
    return [*notes, f"the precision of the weights, {', '.join(sorted(kinds))}"] if kinds else notes


def _other_generators() -> tuple[object, str]:
    """Return the states of Python's and of NumPy's random numbers."""
    return random.getstate(), repr(np.random.get_state(legacy=False))


def hooked(network: nn.Module) -> list[str]:
    """Return the names of the trainable parameters with hooks, which may change gradients."""
    return [
        name
        for name, parameter in network.named_parameters()
        if parameter.requires_grad
        and (parameter._backward_hooks or parameter._post_accumulate_grad_hooks)
    ]


def spectral_settings(parts: Sequence[nn.Module]) -> list[tuple[int, float]]:
    """Return the iterations and `eps` of each spectral norm, of torch's newer and older kind.

    They have no effect in evaluation mode, so outputs alone do not tell those of the older kind.
    """
    modules = [module for part in parts for module in part.modules()]
    norms = (n for m in modules for n in (m, *m._forward_pre_hooks.values()))
    return [
        (norm.n_power_iterations, norm.eps)
        for norm in norms
        if isinstance(norm, (_SpectralNorm, SpectralNorm))
    ]
