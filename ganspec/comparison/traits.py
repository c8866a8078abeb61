"""What a survey says of one network, read off its program and the layers that it came from."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

from ganspec.comparison.models import models
from ganspec.kinds.condition import Condition
from ganspec.kinds.layer import Layer, Weighted
from ganspec.language.kinds import Kind
from ganspec.program.ir import Net, Step
from ganspec.program.measure import Cost, costs, totals
from ganspec.program.probe import hollow
from ganspec.program.receptive import receptive_field
from ganspec.systems.spec import Network, Spec
from ganspec.systems.terms import FRAMEWORKS, fields, plain, said, settings, term

RESIZING = ("ganspec.kinds.layers.pools", "ganspec.kinds.layers.resampling")


@dataclass(frozen=True)
class Portrait:
    """One network of a spec: its model, its program, and the layers of the program."""

    spec: Spec
    name: str
    net: Net

    @property
    def network(self) -> Network:
        return getattr(self.spec, self.name)

    @cached_property
    def kinds(self) -> dict[str, Kind]:
        """The spec's layers and conditions by key path."""
        return models(self.spec, self.name)

    @cached_property
    def rows(self) -> list[tuple[Layer, Cost]]:
        """Every layer that computes something, labels' ways in left out, with its cost."""
        found = [(self.kinds.get(f"{self.name}.{row.path}"), row) for row in self.costs]
        return [(kind, row) for kind, row in found if isinstance(kind, Layer)]

    @cached_property
    def costs(self) -> list[Cost]:
        return costs(self.net)

    @cached_property
    def layers(self) -> list[Layer]:
        return [layer for layer, _ in self.rows]

    def of_module(self, *modules: str) -> list[Layer]:
        """The layers whose kinds are defined in `modules`."""
        return [layer for layer in self.layers if type(layer).__module__ in modules]


def listed(words: list[str] | Iterator[str]) -> str:
    """Each word once, in order of appearance."""
    return ", ".join(dict.fromkeys(words))


def counted(words: list[str]) -> str:
    """Each word once with how often it appears: `3 convT k4 s2, conv k3`."""
    return ", ".join(f"{n} {w}" if (n := words.count(w)) > 1 else w for w in dict.fromkeys(words))


# -- the traits -------------------------------------------------------------------------------


def conditioning(of: Portrait) -> str:
    """How the label comes into the network, or out of it."""
    made = {}
    for step in of.net.leaves():
        if isinstance(of.kinds.get(step.origin.path), Condition):
            made[step.origin.path] = step.output.shape
    words = [_joined(of.kinds[path], shape) for path, shape in made.items()]
    for layer, row in of.rows:
        if layer.kind in ("class_batch_norm", "projection", "auxiliary"):
            words.append(term(row.kind))
    return listed(words)


def _joined(condition: Condition, shape: tuple[int, ...]) -> str:
    own = settings(condition)
    inner = [plain(own.pop(condition.primary))] if own.get(condition.primary) else []
    if condition.kind == "embedding" or condition.primary == "embedding":
        inner = [f"embedding {size}" for size in inner]
    name = own.pop("join_", None) or ("concat" if condition.kind == "embedding" else condition.kind)
    inner += map(plain, own.values())
    if name not in ("channel", "map"):
        return f"{term(name)}({', '.join(inner)})" if inner else term(name)
    of_image = shape[0] <= 4
    name = f"{ordinal(shape[0])} channel" if of_image else f"channel at {shape[1]} x {shape[2]}"
    return f"{name} ({', '.join(inner)})" if inner else name


def ordinal(count: int) -> str:
    """1st, 2nd, 3rd, 11th."""
    last = 0 if count % 100 in (11, 12, 13) else count % 10
    return f"{count}{ {1: 'st', 2: 'nd', 3: 'rd'}.get(last, 'th') }"


def structure(of: Portrait) -> str:
    """Count the layers with weights, those that change a map's size, and the user's own."""
    words = []
    for layer, row in of.rows:
        home = type(layer).__module__
        is_own = not home.startswith("ganspec.")
        if isinstance(layer, Weighted) or home in RESIZING or is_own:
            words.append(_layer(layer, row))
    return counted(words)


def _layer(layer: Layer, row: Cost) -> str:
    words = [term(layer.kind)]
    kernel, stride = getattr(layer, "kernel", None), getattr(layer, "stride", None)
    if isinstance(layer, Weighted) and kernel:
        words.append(f"k{_window(kernel)}")
        words += [f"s{_window(stride)}"] if stride not in (1, (1, 1)) else []
    if layer.kind == "self_attention":
        words.append(f"at {row.output[1]} x {row.output[2]}")
    return " ".join(words)


def _window(size: int | tuple[int, int]) -> str:
    return "x".join(map(str, size)) if isinstance(size, tuple) else str(size)


def widths(of: Portrait) -> str:
    """Channels, or numbers of a vector, after each layer with a weight; repetitions once."""
    weighted = [(layer, row) for layer, row in of.rows if isinstance(layer, Weighted)]
    found = [row.output[0] for layer, row in weighted if layer.kind != "auxiliary"]
    kept = [w for i, w in enumerate(found) if i == 0 or w != found[i - 1]]
    return "-".join(map(str, kept))


def depth(of: Portrait) -> str:
    """Layers with weights on the longest way from the network's input to its output."""
    return str(_depth(of.net, of))


def _depth(net: Net, of: Portrait) -> int:
    found = {start.value.id: 0 for start in net.inputs}
    for step in net.steps:
        found[step.output.id] = max(found[i] for i in step.inputs) + _adds(step, of)
    return found[net.output.id]


def _adds(step: Step, of: Portrait) -> int:
    """How many layers with weights a step is; what brings the label in is none of them."""
    if isinstance(step.call.target, Net):
        return _depth(step.call.target, of)
    if not (step.is_module and isinstance(of.kinds.get(step.origin.path), Weighted)):
        return 0
    return int(any(True for _ in hollow(step.call).parameters()))  # a padding has none


def norm(of: Portrait) -> str:
    """Normalizations of values, then of weights."""
    values = [_norm(layer) for layer in of.layers if layer.kind.endswith("_norm")]
    weights = [layer.norm or of.network.norm for layer in of.layers if isinstance(layer, Weighted)]
    return listed([*values, *(term(n.kind) for n in weights if n and n.kind != "none")])


def _norm(layer: Layer) -> str:
    words = [term(layer.kind)]
    words += [str(layer.groups)] if hasattr(layer, "groups") else []
    words += ["affine"] if layer.kind == "instance_norm" and layer.affine else []
    words += ["no gain"] if not getattr(layer, "scale", True) else []
    words += ["no bias"] if not getattr(layer, "center", True) else []
    return " ".join(words)


def activations(of: Portrait) -> str:
    return listed(said(layer) for layer in of.of_module("ganspec.kinds.layers.activations"))


def dropout(of: Portrait) -> str:
    found = [layer for layer in of.layers if layer.kind == "dropout"]
    return listed(plain(d.rate) + ("" if d.active else " (inactive)") for d in found)


def weights(of: Portrait) -> str:
    """What draws the initial weights."""
    init = of.network.init
    own = [layer.init for layer in of.layers if isinstance(layer, Weighted) and layer.init]
    usual = init is None or init.kind == "framework"
    words = f"{FRAMEWORKS[of.spec.framework]}'s" if usual else said(init)
    return listed([words, *map(said, own)])


def parameters(of: Portrait) -> str:
    """All numbers that the network stores, as `ganspec show` sums them up."""
    return f"{totals(of.costs)['total']:,}"


def multiply_adds(of: Portrait) -> str:
    """Multiply-adds of one image's forward pass."""
    return f"{sum(row.macs for row in costs(of.net, macs=True)):,}"


def field_of_view(of: Portrait) -> str:
    """Height and width of the receptive field in input pixels."""
    return " x ".join(map(str, receptive_field(of.net) or ()))


def optimizer(of: Portrait) -> str:
    """Its name, rate and betas, and what else is not at the framework's defaults."""
    kind = of.spec.optimizer_of(of.name)
    own = settings(kind, of.spec.framework)
    own.pop("lr", None)
    words = f"{term(kind.kind)} {plain(kind.lr)}"
    if (betas := getattr(kind, "betas", None)) is not None:
        own.pop("betas", None)
        words += f" ({plain(betas)})"
    return f"{words}, {fields(own)}" if own else words


TRAITS: dict[str, Callable[[Portrait], str]] = {
    "conditioning": conditioning,
    "layers": structure,
    "widths": widths,
    "depth": depth,
    "norm": norm,
    "activations": activations,
    "dropout": dropout,
    "initial weights": weights,
    "parameters": parameters,
    "multiply-adds": multiply_adds,
    "receptive field": field_of_view,
    "optimizer": optimizer,
}
