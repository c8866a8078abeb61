"""Comparison of a lowered layer with recorded calls, by settings or by results."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn.utils import parametrize
from torch.nn.utils.spectral_norm import SpectralNorm

from ganspec.compiler.evaluate import evaluate
from ganspec.compiler.lower import lower_network
from ganspec.importing.graph import FAILURES, RecordedCall, RecordedGraph, Shape
from ganspec.importing.recording import torch_class_of
from ganspec.importing.weights import spectral_settings
from ganspec.kinds.layer import Layer
from ganspec.kinds.weight_norm import WeightNorm
from ganspec.language.errors import SpecError
from ganspec.program.ir import Input, Net, Step, module_of, single, start_input
from ganspec.program.probe import hollow
from ganspec.systems.spec import Interface, Network

PLAIN = (int, float, str, bool, type(None))
# settings of modules that do not change results
SILENT = ("training", "inplace", "return_indices", "recompute_scale_factor")
SEED = 11  # of the random numbers with which code and layers are compared
# factors of inputs and weights, since functions such as `relu6` show their limits far from 0 only
SCALES = (10.0, 1e3, 1e6)


@dataclass(eq=False)
class Segment:
    """Calls of a network as one function: from the values `inputs` to the last call's output."""

    graph: RecordedGraph
    calls: Sequence[RecordedCall]
    inputs: tuple[int, ...]

    @property
    def output(self) -> int:
        return self.calls[-1].output

    @property
    def shape(self) -> Shape:
        """Shape of the output."""
        return self.graph.shapes[self.output]

    @property
    def modules(self) -> list[nn.Module]:
        """Modules in the order of their calls, each once."""
        return list(dict.fromkeys(c.module for c in self.calls if c.module is not None))

    @property
    def state(self) -> list[torch.Tensor]:
        return state_of(self.modules)

    def run(self, *inputs: torch.Tensor) -> torch.Tensor:
        values = dict(zip(self.inputs, inputs, strict=True))
        for call in self.calls:
            values[call.output] = call.run(values)
        return values[self.output]

    def random(self, scale: float = 1.0) -> list[torch.Tensor]:
        """Return random inputs: normal numbers times `scale`, or 0s and 1s where ints are read."""
        return [self.graph.random(value, scale, i) for i, value in enumerate(self.inputs)]

    @property
    def casts(self) -> bool:
        """True if an input has floats of another type than the output."""
        dtypes = self.graph.dtypes
        floats = {dtypes[value] for value in self.inputs if dtypes[value].is_floating_point}
        return bool(floats - {dtypes[self.output]})

    @property
    def keeps_numbers(self) -> bool:
        """True if, for random inputs, the output has the numbers of the first input in order."""
        inputs = self.random()
        with torch.random.fork_rng(devices=[]), torch.no_grad():
            try:
                return torch.equal(self.run(*inputs).flatten(), inputs[0].flatten())
            except FAILURES:
                return False


def state_of(modules: Sequence[nn.Module]) -> list[torch.Tensor]:
    """Return the weights and statistics of the modules, in order."""
    return [tensor for module in modules for tensor in module.state_dict().values()]


def lowered(
    layer: Layer, shape: Shape, label: Input | None = None, norm: WeightNorm | None = None
) -> Net | None:
    """Return the program of a network of `layer` alone; None if the spec would have an error."""
    interface = Interface(start_input(shape), "value", "")
    try:
        network = Network(layers=(layer,), normalization=norm)
        return lower_network("Piece", network, {}, interface, label)
    except SpecError:
        return None


def expresses(net: Net, segment: Segment) -> bool:
    """Return True if a program computes the same as a segment.

    Both must have equally many inputs, and one output of equal shape. If there are as many steps as
    calls, settings decide: all must be equal in pairs. If there are not, and both consist of torch
    modules, they differ. Where this does not decide, both run on random numbers, and must have
    equal results.
    """
    graph, calls = segment.graph, segment.calls
    if net.output.shape != segment.shape or net.heads or len(net.inputs) != len(segment.inputs):
        return False
    if segment.casts:
        return False  # layers of a spec keep the type
    if len(net.steps) == len(calls):
        same = [same_step(graph, *pair) for pair in zip(net.steps, calls, strict=True)]
        if all(same) or False in same:
            return all(same)
    elif all(step.is_module for step in net.steps) and all(
        graph.is_reshape(call) or (call.module is not None and torch_class_of(call.module))
        for call in calls
    ):
        return False  # different torch modules are no match, even with equal results
    return same_results(net, segment)


# -- settings ---------------------------------------------------------------------------------


def same_step(graph: RecordedGraph, step: Step, call: RecordedCall) -> bool | None:
    """Return True if step and call have equal settings, False if not, None if results decide."""
    if len(step.inputs) != 1 or len(call.inputs) != 1 or not step.is_module:
        return None
    cls = step.call.target
    if graph.is_reshape(call):
        same = step.output.shape == graph.shapes[call.output]
        return same if cls in (nn.Flatten, nn.Unflatten) else None
    if call.module is None or cls is not parametrize.type_before_parametrizations(call.module):
        return None
    if isinstance(getattr(call.module, "padding", None), str):
        return None  # `padding="same"` may be the padding that the step has as a number
    built = module_of(step.call) if step.call.wraps else hollow(step.call)
    if parametrize.is_parametrized(built) != parametrize.is_parametrized(call.module):
        return None  # one may have its weight norm as a hook
    ours, theirs = settings(built), settings(call.module)
    if ours.get("dim") != theirs.get("dim"):
        return None  # for a vector, 1, -1 and the None of older torch are the same dimension
    return ours == theirs and shapes(built) == shapes(call.module)


def shapes(network: nn.Module) -> dict[str, Shape]:
    return {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}


def settings(module: nn.Module) -> dict[str, object]:
    """Return the plain settings of a module and, in nested dicts, of the weight norms on it."""
    norms = {
        f"{name} {type(norm).__name__}": settings(norm) for name, norm in parametrizations(module)
    }
    return plain_settings(module) | norms


def parametrizations(module: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """Yield the parametrizations of a module's weights, each with the weight's name."""
    if parametrize.is_parametrized(module):
        chains = module.parametrizations
        assert isinstance(chains, nn.ModuleDict)
        for name, chain in chains.items():
            yield from ((name, norm) for norm in chain.children())


def plain_settings(owner: object) -> dict[str, object]:
    """Return the public attributes of a module or hook that are plain and change results."""
    # a momentum changes running statistics only, so without them it has no effect
    tracks = getattr(owner, "track_running_stats", True)
    silent = SILENT if tracks else (*SILENT, "momentum")
    public = {n: v for n, v in vars(owner).items() if not n.startswith("_") and n not in silent}
    return {name: single(value) for name, value in public.items() if is_plain(value)}


def is_plain(value: object) -> bool:
    """Return True if `value` is a number, a text, None, or a tuple of these."""
    parts = value if isinstance(value, tuple) else (value,)
    return all(isinstance(part, PLAIN) for part in parts)


# -- results ----------------------------------------------------------------------------------


def same_results(net: Net, segment: Segment) -> bool:
    """Return True if program and segment give the same results for equal weights, inputs and seed.

    Outputs, weights and statistics are compared after a call in training mode and one in evaluation
    mode. A segment without modules is compared in training mode only, and one with torch's older
    spectral norm in evaluation mode only. The last mode is also compared with inputs and weights
    times each of SCALES. Both run in double precision, or in single precision if the code fails in
    double. Return False if the weights differ in shape, if spectral norms differ in their settings,
    or if one does not run.
    """
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        try:
            mine = evaluate(net)
            if [t.shape for t in mine.state_dict().values()] != [t.shape for t in segment.state]:
                return False
            if spectral_settings([mine]) != spectral_settings(segment.modules):
                return False
            try:
                return _agree(mine, segment, torch.float64, 1e-9)
            except RuntimeError:
                return _agree(mine, segment, torch.float32, 1e-5)
        except FAILURES:
            return False


def _agree(mine: nn.Module, segment: Segment, dtype: torch.dtype, tolerance: float) -> bool:
    """Return True if both give the same results in numbers of the type `dtype`."""
    parts = [mine, *segment.modules]
    # a bare function was recorded in training mode and has no evaluation mode
    modes = modes_of(parts) if segment.modules else (True,)
    # large numbers come in evaluation mode, in which they change no statistics
    trials = [*((1.0, mode) for mode in modes), *((scale, modes[-1]) for scale in SCALES)]
    try:
        for part in parts:
            part.to(dtype)
        for scale, training in trials:
            inputs = [x.to(dtype) if x.is_floating_point() else x for x in segment.random(scale)]
            for part in parts:
                part.train(training)
            with _scaled(segment.state, scale):
                copy_state(mine, segment.state)
                torch.manual_seed(SEED)
                theirs = [segment.run(*inputs), *segment.state]
                torch.manual_seed(SEED)
                ours = [mine(*(x.clone() for x in inputs)), *mine.state_dict().values()]
                if not all(_close(*pair, tolerance) for pair in zip(ours, theirs, strict=True)):
                    return False
        return True
    finally:
        for part in segment.modules:
            part.float().train()


@contextmanager
def _scaled(state: list[torch.Tensor], scale: float) -> Iterator[None]:
    """Multiply the floats of `state` by `scale`; restore `state` at the end if `scale` is not 1."""
    kept = [tensor.clone() for tensor in state]
    floats = [tensor for tensor in state if tensor.is_floating_point() and scale != 1]
    for tensor in floats:
        tensor.mul_(scale)
    try:
        yield
    finally:
        if floats:
            for tensor, before in zip(state, kept, strict=True):
                tensor.copy_(before)


def _close(a: torch.Tensor, b: torch.Tensor, tolerance: float) -> bool:
    """Return True if shapes are equal and numbers nearly, relative to 1 or the largest of `b`."""
    one, two = a.double(), b.double()
    largest = two[two.isfinite()].abs().max().item() if two.isfinite().any() else 0.0
    near = tolerance * max(1.0, largest)
    return a.shape == b.shape and torch.allclose(
        one, two, rtol=tolerance, atol=near, equal_nan=True
    )


def modes_of(parts: Sequence[nn.Module]) -> tuple[bool, ...]:
    """Return the modes in which to compare networks: True for training mode, False for evaluation.

    They are (True, False), or (False,) if a module has the older `torch.nn.utils.spectral_norm`: in
    training mode its vectors are half an iteration apart from those of the newer one.
    """
    hooks = (hook for p in parts for m in p.modules() for hook in m._forward_pre_hooks.values())
    return (False,) if any(isinstance(hook, SpectralNorm) for hook in hooks) else (True, False)


def copy_state(network: nn.Module, state: Sequence[torch.Tensor]) -> None:
    """Copy the tensors into the weights and statistics of the network, in state dict order."""
    for mine, theirs in zip(network.state_dict().values(), state, strict=True):
        mine.copy_(theirs)


def fill(network: nn.Module) -> None:
    """Fill the floats of weights and statistics at random, so that none is at a default like 0."""
    generator = torch.Generator().manual_seed(SEED)
    with torch.no_grad():
        for tensor in network.state_dict().values():
            if not tensor.is_floating_point():
                continue
            if tensor.dim() > 1:
                scale = (len(tensor) / max(tensor.numel(), 1)) ** 0.5
                tensor.copy_(torch.randn(tensor.shape, generator=generator) * scale)
            else:
                tensor.copy_(torch.rand(tensor.shape, generator=generator) + 0.5)
