"""The traits of one network in a survey, such as its depth, norms and parameters."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import groupby

from ganspec.comparison.models import LayerModel, models
from ganspec.kinds.condition import Condition
from ganspec.kinds.initializer import Initializer
from ganspec.kinds.initializers.framework import Framework
from ganspec.kinds.layer import Layer, Weighted
from ganspec.kinds.layers.dropout import Dropout
from ganspec.language.unread import NOT_READ, UNREAD, known, sealed
from ganspec.program.ir import Net, Step
from ganspec.program.measure import Cost, cell, costs
from ganspec.program.probe import hollow
from ganspec.program.unread import field_text
from ganspec.systems.spec import Network, Spec
from ganspec.systems.terms import FRAMEWORKS, fields, plain, said, settings, term
from ganspec.systems.unread import unread


@dataclass(frozen=True)
class Portrait:
    """One network of a spec: its section, its program `net`, and its layers with their costs."""

    spec: Spec
    name: str
    net: Net

    @cached_property
    def network(self) -> Network:
        """The network's section, sealed."""
        return sealed(self.spec.network(self.name))

    @cached_property
    def models(self) -> dict[str, LayerModel]:
        """The network's layers and conditions by key path, sealed."""
        return {path: sealed(model) for path, model in models(self.spec, self.name).items()}

    @cached_property
    def costs(self) -> list[Cost]:
        return costs(self.net)

    @cached_property
    def rows(self) -> list[tuple[Layer, Cost]]:
        """The layers that compute something, each with its cost; conditions are left out."""
        pairs = [(self.models.get(f"{self.name}.{row.path}"), row) for row in self.costs]
        return [(layer, row) for layer, row in pairs if isinstance(layer, Layer)]

    @cached_property
    def layers(self) -> list[Layer]:
        return [layer for layer, _ in self.rows]

    def of_role(self, role: str) -> list[Layer]:
        return [layer for layer in self.layers if layer.role == role]


def _listed(words: Iterable[str]) -> str:
    """Join the words, each once, in order of appearance."""
    return ", ".join(dict.fromkeys(words))


# -- the traits -------------------------------------------------------------------------------


def conditioning(portrait: Portrait) -> str:
    """Return the ways in which the network reads or predicts the label, in words; `""` if none."""
    if "condition" in portrait.network.unread:
        return NOT_READ
    shapes = {}
    for step in portrait.net.leaves():
        if isinstance(model := portrait.models.get(step.origin.path), Condition):
            shapes[step.origin.path] = (model, step.output.shape)
    words = [_condition(*pair) for pair in shapes.values()]
    return _listed([*words, *(term(layer.kind) for layer in portrait.layers if layer.conditional)])


def _condition(condition: Condition, shape: tuple[int, ...]) -> str:
    own = settings(condition)
    size = own.pop(condition.primary, None) if condition.primary else None
    own.pop("join_", None)  # `condition.way` depends on it
    inner = [f"{'embedding ' if condition.embeds else ''}{plain(size)}"] if size else []
    inner += map(plain, own.values())
    if condition.way != "channel":
        return f"{term(condition.way)}({', '.join(inner)})" if inner else term(condition.way)
    is_image = shape[0] <= 4  # at most 3 channels of an image and the label's
    name = f"{ordinal(shape[0])} channel" if is_image else f"channel at {shape[1]} x {shape[2]}"
    return f"{name} ({', '.join(inner)})" if inner else name


def ordinal(count: int) -> str:
    """Return an ordinal number such as `1st` or `11th`."""
    last = 0 if count % 100 in (11, 12, 13) else count % 10
    return f"{count}{ {1: 'st', 2: 'nd', 3: 'rd'}.get(last, 'th') }"


def structure(portrait: Portrait) -> str:
    """Return in words the layers with weights, those that resize, and users' kinds without a role.

    Equal ones are counted: `3 conv k4 s2, linear`.
    """
    words = []
    for layer, row in portrait.rows:
        is_own = not layer.role and layer.is_own
        if isinstance(layer, Weighted) or layer.role in ("pool", "resampling") or is_own:
            text = known(partial(_layer, layer, row))
            words.append(f"{term(layer.kind)} {text}" if text == NOT_READ else text)
    return ", ".join(f"{n} {word}" if n > 1 else word for word, n in Counter(words).items())


def _layer(layer: Layer, row: Cost) -> str:
    words = [term(layer.kind)]
    kernel, stride = getattr(layer, "kernel", None), getattr(layer, "stride", None)
    if isinstance(layer, Weighted) and kernel:
        words.append(f"k{_window(kernel)}")
        words += [f"s{_window(stride)}"] if stride not in (None, 1, (1, 1)) else []
    if layer.tells_size:
        words.append(f"at {row.output[1]} x {row.output[2]}")
    return " ".join(words)


def _window(size: int | tuple[int, int]) -> str:
    return "x".join(map(str, size)) if isinstance(size, tuple) else str(size)


def widths(portrait: Portrait) -> str:
    """Return the channels or vector length after each layer with weights: `1024-512-256-3`.

    Equal neighbours are written once. Layers that make a further output, such as an auxiliary head,
    are left out.
    """
    heads = {head.origin.path for head in portrait.net.heads if head.origin}
    every = (
        NOT_READ if "output" in row.lost else str(row.output[0])
        for layer, row in portrait.rows
        if isinstance(layer, Weighted) and layer.key_path not in heads
    )
    return "-".join(width for width, _ in groupby(every))


def depth(portrait: Portrait) -> str:
    """Return the number of layers with weights on the longest path from input to output."""
    return str(_depth(portrait.net, portrait))


def _depth(net: Net, portrait: Portrait) -> int:
    depths = {start.value.id: 0 for start in net.inputs}
    for step in net.steps:
        depths[step.output.id] = max(depths[i] for i in step.inputs) + _weighted(step, portrait)
    return depths[net.output.id]


def _weighted(step: Step, portrait: Portrait) -> int:
    """Return how many layers with weights a step adds to a path from input to output.

    A block adds its own depth, another step 0 or 1. The weights of conditions are not counted.
    """
    if isinstance(step.call.target, Net):
        return _depth(step.call.target, portrait)
    if not (step.is_module and isinstance(portrait.models.get(step.origin.path), Weighted)):
        return 0
    return int(any(True for _ in hollow(step.call).parameters()))  # a conv's padding step has none


def norm(portrait: Portrait) -> str:
    """Return the normalization layers with their settings, then weight norms; `""` if none."""
    weighted = [layer for layer in portrait.layers if isinstance(layer, Weighted)]
    norms = [layer.weight_norm or portrait.network.weight_norm for layer in weighted]
    weights = [term(norm.kind) for norm in norms if norm and norm.wrap()]
    return _listed([*map(_norm, portrait.of_role("norm")), *weights])


def _norm(layer: Layer) -> str:
    text = known(partial(_norm_fields, layer))
    return f"{term(layer.kind)} {text}".rstrip()


def _norm_fields(layer: Layer) -> str:
    words: list[str] = []
    words += [str(layer.groups)] if hasattr(layer, "groups") else []
    words += ["affine"] if getattr(layer, "affine", False) else []
    words += ["no gain"] if not getattr(layer, "scale", True) else []
    words += ["no bias"] if not getattr(layer, "center", True) else []
    words += ["by batch"] if getattr(layer, "statistics", "running") == "batch" else []
    return " ".join(words)


def activations(portrait: Portrait) -> str:
    return _listed(map(said, portrait.of_role("activation")))


def dropout(portrait: Portrait) -> str:
    layers = [layer for layer in portrait.layers if isinstance(layer, Dropout)]
    return _listed(plain(x.rate) + ("" if x.active else " (inactive)") for x in layers)


def weights(portrait: Portrait) -> str:
    """Return the initializers of the network and of its layers."""
    own = [layer.init for layer in portrait.layers if isinstance(layer, Weighted) and layer.init]
    return _listed(map(_initializer, [portrait.network.init, *own]))


def _initializer(init: Initializer | None) -> str:
    if init is None or isinstance(init, Framework):
        return f"{FRAMEWORKS[init.of if init else 'torch']}'s"
    return said(init)


def parameters(portrait: Portrait) -> str:
    """Return the count of all numbers that the network stores, the total of `ganspec show`."""
    return f"{cell(portrait.costs, 'params') or '0'}{_of_a_part(portrait)}"


def multiply_adds(portrait: Portrait) -> str:
    """Return the number of multiply-adds in the forward pass of one image."""
    return f"{cell(costs(portrait.net, macs=True), 'macs') or '0'}{_of_a_part(portrait)}"


def _of_a_part(portrait: Portrait) -> str:
    return " in what was read" if any(layer.kind == UNREAD for layer in portrait.layers) else ""


def field_of_view(portrait: Portrait) -> str:
    """Return height and width of the receptive field in input pixels: `70 x 70`; `""` if none."""
    return field_text(portrait.net) or ""


def optimizer(portrait: Portrait) -> str:
    """Return the optimizer of the network: `Adam 2e-4 (0.5, 0.999)`, then changed defaults."""
    kind = sealed(portrait.spec.optimizer_of(portrait.name))
    if kind.is_unread:
        return NOT_READ
    own = settings(kind, portrait.spec.framework)
    own.pop("lr", None)
    words = f"{term(kind.kind)} {plain(kind.lr)}"
    if (betas := getattr(kind, "betas", None)) is not None:
        own.pop("betas", None)
        words += f" ({plain(betas)})"
    return f"{words}, {fields(own)}" if own else words


def not_read(portrait: Portrait) -> str:
    """Return the parts of the network that are unknown, in words."""
    seen = [part.seen for part in unread(portrait.spec, portrait.name)]
    return "; ".join(dict.fromkeys(seen))  # the texts may contain commas


TRAITS: dict[str, Callable[[Portrait], str]] = {
    NOT_READ: not_read,
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
