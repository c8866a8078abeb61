"""Whether a layer of the language does what some calls of a network do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn.utils import parametrize
from torch.nn.utils.spectral_norm import SpectralNorm

from ganspec.compiler.evaluate import evaluate
from ganspec.compiler.lower import lower_network
from ganspec.importing.graph import FAILURES, Graph
from ganspec.importing.recording import Op, base
from ganspec.kinds.layer import Layer
from ganspec.language.errors import SpecError
from ganspec.program.ir import Input, Net, Step, Value, module_of, start_input
from ganspec.systems.spec import Interface, Network

PLAIN = (int, float, str, bool, type(None))
SILENT = ("training", "inplace", "return_indices", "recompute_scale_factor")  # change no numbers
SEED = 11


@dataclass(eq=False)
class Segment:
    """Calls of a network from some values to one, as a function of those."""

    graph: Graph
    ops: Sequence[Op]
    inputs: tuple[int, ...]
    output: int

    @property
    def modules(self) -> list[nn.Module]:
        """Modules with weights or statistics, in the order of their calls, each once."""
        found = [op.module for op in self.ops if op.module is not None]
        return [m for m in dict.fromkeys(found) if m.state_dict()]

    @property
    def state(self) -> list[torch.Tensor]:
        return state_of(self.modules)

    def run(self, *inputs: torch.Tensor) -> torch.Tensor:
        values = dict(zip(self.inputs, inputs, strict=True))
        for op in self.ops:
            values[op.output] = op.run(values)
        return values[self.output]

    def start(self, value: int) -> Value:
        """A value as the lowered program's own."""
        shape = self.graph.shapes[value]
        return start_input(shape).value


def state_of(modules: Sequence[nn.Module]) -> list[torch.Tensor]:
    return [tensor for m in modules for tensor in m.state_dict().values()]


def lowered(layer: Layer, start: Value, labels: Value | None, norm=None) -> Net | None:
    """The program of a network that is one layer; None where it cannot read `start`."""
    network = Network(layers=(layer,), norm=norm)
    try:
        interface = Interface(Input("x", start), "value", "")
        label = Input("y", labels, "label") if labels else None
        return lower_network("Piece", network, {}, interface, label)
    except SpecError:
        return None


def expresses(net: Net, segment: Segment) -> bool:
    """Whether the program does what the calls do: by their settings, else by their conduct."""
    if net.output.shape != segment.graph.shapes[segment.output]:
        return False
    if net.heads or len(net.inputs) != len(segment.inputs):
        return False
    steps, ops = list(net.steps), segment.ops
    if len(steps) == len(ops):
        found = [same_step(segment.graph, *pair) for pair in zip(steps, ops, strict=True)]
        if all(found) or False in found:
            return all(found)
    elif all(s.is_module for s in steps) and all(is_torchs(segment.graph, op) for op in ops):
        return False  # written with other modules: another program, if an equal one
    return same_conduct(net, segment)


def is_torchs(graph: Graph, op: Op) -> bool:
    """Whether a call is of one of torch's own modules, or a reshape."""
    return graph.roles.get(op) == "reshape" or (op.module is not None and bool(base(op.module)))


def same_step(graph: Graph, step: Step, op: Op) -> bool | None:
    """Whether a step builds the very module that is called; None where only its conduct tells."""
    if len(step.inputs) != 1 or len(op.inputs) != 1 or not step.is_module:
        return None
    cls = step.call.target
    if graph.roles.get(op) == "reshape":
        same = step.output.shape == graph.shapes[op.output]
        return same if cls in (nn.Flatten, nn.Unflatten) else None
    if op.module is None or cls is not parametrize.type_before_parametrizations(op.module):
        return None
    if isinstance(getattr(op.module, "padding", None), str):
        return None
    built = module_of(step.call) if step.call.wraps else undrawn(step)
    if parametrize.is_parametrized(built) != parametrize.is_parametrized(op.module):
        return None  # the older weight norms
    return settings(built) == settings(op.module) and shapes(built) == shapes(op.module)


def undrawn(step: Step) -> nn.Module:
    """The step's module without weights."""
    with torch.device("meta"):
        return (step.call.bare or step.call).build()


def shapes(network: nn.Module) -> dict[str, tuple[int, ...]]:
    return {name: tuple(t.shape) for name, t in network.state_dict().items()}


def settings(part: nn.Module) -> dict[str, object]:
    """What a module was told, as plain values; of weight norms on it, too."""
    found = {}
    for name, value in vars(part).items():
        if name.startswith("_") or name in SILENT:
            continue
        if isinstance(value, PLAIN) or (
            isinstance(value, tuple) and all(isinstance(v, PLAIN) for v in value)
        ):
            found[name] = single(value)
    if parametrize.is_parametrized(part):
        for name, norms in part.parametrizations.items():
            for norm in norms:
                found[name, type(norm).__name__] = settings(norm)
    return found


def single(value: object) -> object:
    """A tuple of equal values as that value, as torch's own modules take either."""
    return value[0] if isinstance(value, tuple) and len(set(value)) == 1 else value


def same_conduct(net: Net, segment: Segment) -> bool:
    """Whether both give the same results, with the same weights and random input.

    Results, statistics and draws are compared, while training and after it, in double precision.
    """
    try:
        with torch.random.fork_rng(devices=[]), torch.no_grad():
            mine = evaluate(net)
            if [t.shape for t in mine.state_dict().values()] != [t.shape for t in segment.state]:
                return False
            for dtype, tolerance in ((torch.float64, 1e-9), (torch.float32, 1e-5)):
                try:
                    return _agree(mine, segment, dtype, tolerance)
                except RuntimeError:
                    if dtype is torch.float32:  # code that makes single precision itself
                        raise
    except FAILURES:
        pass
    return False


def _agree(mine: nn.Module, segment: Segment, dtype: torch.dtype, tolerance: float) -> bool:
    parts = segment.modules + [op.module for op in segment.ops if op.module is not None]
    try:
        for part in [mine, *parts]:
            part.to(dtype)
        copy_state(mine, segment.state)
        modes = modes_of(parts) if parts else (True,)
        return all(_agrees(mine, segment, dtype, tolerance, training) for training in modes)
    finally:
        for part in parts:
            part.float().train()


def modes_of(parts: Sequence[nn.Module]) -> tuple[bool, ...]:
    """Whether to compare while training and after, or after it only.

    The older `torch.nn.utils.spectral_norm` iterates in another order than the newer one: the
    same norm, half an iteration apart.
    """
    hooks = (hook for p in parts for m in p.modules() for hook in m._forward_pre_hooks.values())
    return (False,) if any(isinstance(hook, SpectralNorm) for hook in hooks) else (True, False)


def _agrees(mine, segment: Segment, dtype, tolerance: float, training: bool) -> bool:
    for part in [mine, *(op.module for op in segment.ops if op.module is not None)]:
        part.train(training)
    inputs = [segment.graph.random(v, seed=i) for i, v in enumerate(segment.inputs)]
    inputs = [x.to(dtype) if x.is_floating_point() else x for x in inputs]
    torch.manual_seed(SEED)
    wanted = segment.run(*inputs)
    torch.manual_seed(SEED)
    found = mine(*(x.clone() for x in inputs))
    pairs = zip([found, *mine.state_dict().values()], [wanted, *segment.state], strict=True)
    return all(close(a, b, tolerance) for a, b in pairs)


def close(a: torch.Tensor, b: torch.Tensor, tolerance: float) -> bool:
    return a.shape == b.shape and torch.allclose(
        a.double(), b.double(), rtol=tolerance, atol=tolerance, equal_nan=True
    )


def copy_state(network: nn.Module, state: Sequence[torch.Tensor]) -> None:
    """Put the tensors into the network's state, in its order."""
    for mine, theirs in zip(network.state_dict().values(), state, strict=True):
        mine.copy_(theirs)


def fill(network: nn.Module) -> None:
    """Random numbers for all weights and statistics, none of them at a special value such as 0."""
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
