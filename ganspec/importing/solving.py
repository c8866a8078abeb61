"""Rows of a Keras table as layers: what their shapes and counts leave possible."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import product
from math import isqrt

from ganspec.importing.entries import Entry, data, written
from ganspec.importing.guesses import made
from ganspec.importing.likeness import lowered
from ganspec.importing.summary import Row
from ganspec.language.kinds import Kind, kinds_of
from ganspec.program.ir import Net, start_input
from ganspec.program.measure import costs, totals

Shape = tuple[int, ...]
STRIDES = range(1, 9)
WIDEST = 31  # a kernel's side
# Keras's classes; those that are not here are expressed by no layer.
KERAS = {
    "Activation": "relu",
    "Add": "add",
    "AveragePooling2D": "avg_pool",
    "BatchNormalization": "batch_norm",
    "Concatenate": "concat",
    "Conv2D": "conv",
    "Conv2DTranspose": "conv_transpose",
    "Dense": "linear",
    "Dropout": "dropout",
    "ELU": "elu",
    "Embedding": "embedding",
    "Flatten": "flatten",
    "GaussianNoise": "noise",
    "GlobalAveragePooling2D": "mean_pool",
    "GlobalMaxPooling2D": "global_max_pool",
    "GroupNormalization": "group_norm",
    "InputLayer": "input",
    "LayerNormalization": "layer_norm",
    "LeakyReLU": "leaky_relu",
    "MaxPooling2D": "max_pool",
    "Multiply": "multiply",
    "PReLU": "prelu",
    "ReLU": "relu",
    "Reshape": "reshape",
    "Softmax": "softmax",
    "SpatialDropout2D": "dropout",
    "UpSampling2D": "upsample",
    "ZeroPadding2D": "pad",
}
# What a table never prints of a kind.
UNPRINTED = {
    "Activation": "which activation",
    "Dropout": "rate",
    "SpatialDropout2D": "rate",
    "ELU": "alpha",
    "GaussianNoise": "standard deviation",
    "GroupNormalization": "groups",
    "AveragePooling2D": "window",
    "LeakyReLU": "slope",
    "MaxPooling2D": "window",
    "UpSampling2D": "interpolation",
}


def keras_type(row: Row) -> str:
    """A row's class; old tables cut its name short, and print the layer's name in full."""
    if row.type in KERAS:
        return row.type
    close = [name for name in KERAS if row.type and name.startswith(row.type)]
    if len(close) == 1:
        return close[0]
    plain = row.name.replace("_", "").lower()
    named = [n for n in close or ([] if row.type else KERAS) if plain.startswith(n.lower())]
    return max(named, key=len, default=row.type)


@dataclass
class Solved:
    """A layer that fits a row; `others` fit it as well."""

    layer: Kind
    others: list[str] = field(default_factory=list)


def fits(layer: Kind, before: Shape, row: Row) -> Net | None:
    """The lowered layer, if its output shape and count are the row's."""
    net = lowered(layer, start_input(before).value, None)
    if net is None or (row.shape is not None and net.output.shape != row.shape):
        return None
    return net if totals(costs(net))["total"] == row.params else None


def solve(row: Row, before: Shape) -> Solved | None:
    """The layer that a row is; None where the language has none that fits."""
    kind = KERAS.get(keras_type(row))
    found: list[tuple[Kind, Net]] = []
    for layer in options(kind, row, before):
        net = fits(layer, before, row)
        if net is not None and not any(_same(net, other) for _, other in found):
            found.append((layer, net))
    if not found:
        return None
    best, *others = (layer for layer, _ in found)
    return Solved(best, [worded(layer, best) for layer in others])


def _same(a: Net, b: Net) -> bool:
    """Whether two programs make the same calls."""
    steps = [
        [(s.call.target, s.call.args, s.call.kwargs, s.output.shape) for s in net.steps]
        for net in (a, b)
    ]
    return steps[0] == steps[1]


def worded(layer: Kind, best: Kind) -> str:
    """In what a layer differs from the one that was taken, in a few words."""
    if layer.kind != best.kind:
        return layer.kind
    fields = {k: data(v) for k, v in dict(layer).items() if v != getattr(best, k)}
    return ", ".join(f"{name} {str(value).lower()}" for name, value in fields.items())


def options(kind: str | None, row: Row, before: Shape) -> Iterator[Kind]:
    """Layers worth trying for a row, the usual ones first."""
    if kind is None or kind not in kinds_of("layer"):
        return
    fields = FIELDS.get(kind, lambda row, before: [{}])(row, before)
    for given in fields:
        layer = made(keras(kind), given)
        if layer is not None:
            yield layer
    if kind == "linear" and len(before) == 3:  # Keras's is of each place
        yield from options("conv", row, before)


def keras(kind: str) -> type[Kind]:
    return kinds_of("layer")[kind]


def usual(kind: str, given: dict[str, object]) -> dict[str, object]:
    """`given` with Keras's own defaults for the rest."""
    return {**keras(kind).framework_defaults.get("keras", {}), **given}


def _conv(row: Row, before: Shape) -> Iterator[dict]:
    out = row.shape[0] if row.shape else 0
    windows = []
    for bias in (True, False):
        count, rest = divmod(row.params - bias * out, max(before[0] * out, 1))
        windows += [(bias, kernel) for kernel in _windows(count) if count > 0 and not rest]
    square = [window for window in windows if isinstance(window[1], int)]
    for (bias, kernel), padding, stride in product(square or windows, ("same", "valid"), STRIDES):
        given = {"out": out, "kernel": kernel, "stride": stride, "padding": padding}
        yield usual("conv", {**given, "bias": bias})


def _conv_transpose(row: Row, before: Shape) -> Iterator[dict]:
    for given in _conv(row, before):
        yield usual("conv_transpose", given)


def _windows(count: int) -> list[object]:
    """Kernels of so many places: the square one, or every other."""
    if count < 1 or isqrt(count) ** 2 == count:
        return [isqrt(max(count, 0))]
    sides = [(a, count // a) for a in range(1, WIDEST + 1) if count % a == 0]
    return [side for side in sides if max(side) <= WIDEST]


def _linear(row: Row, before: Shape) -> Iterator[dict]:
    for bias in (True, False):
        yield {"out": row.shape[0] if row.shape else 0, "bias": bias}


def _batch_norm(row: Row, before: Shape) -> Iterator[dict]:
    for scale, center in ((True, True), (False, True), (True, False), (False, False)):
        yield usual("batch_norm", {"scale": scale, "center": center})


def _pool(kind: str) -> Callable:
    def fields(row: Row, before: Shape) -> Iterator[dict]:
        for padding, size in product(("valid", "same"), STRIDES):
            given = usual(kind, {"kernel": size, "padding": padding})
            layer = made(keras(kind), given)
            if layer and fits(layer, before, row):  # others are possible, and in no report
                yield given
                return
        for padding, size, stride in product(("valid", "same"), STRIDES, STRIDES):
            yield usual(kind, {"kernel": size, "stride": stride, "padding": padding})

    return fields


def _reshape(row: Row, before: Shape) -> Iterator[dict]:
    if row.shape and len(row.shape) == 3:
        yield {"shape": row.shape}


def _upsample(row: Row, before: Shape) -> Iterator[dict]:
    for factor in STRIDES:
        yield {"factor": factor}


def _pad(row: Row, before: Shape) -> Iterator[dict]:
    for rows, columns in product(STRIDES, STRIDES):
        yield {"size": rows if rows == columns else (rows, columns)}


FIELDS: dict[str, Callable[[Row, Shape], Iterator[dict]]] = {
    "avg_pool": _pool("avg_pool"),
    "batch_norm": _batch_norm,
    "conv": _conv,
    "conv_transpose": _conv_transpose,
    "dropout": lambda row, before: [{"channels": keras_type(row) != "Dropout"}],
    "leaky_relu": lambda row, before: [usual("leaky_relu", {})],
    "linear": _linear,
    "max_pool": _pool("max_pool"),
    "pad": _pad,
    "prelu": lambda row, before: [usual("prelu", {})],
    "reshape": _reshape,
    "group_norm": lambda row, before: [{"groups": g} for g in (32, 16, 8, 4, 2, 1)],
    "layer_norm": lambda row, before: [usual("layer_norm", {})],
    "upsample": _upsample,
}


def entry(solved: Solved, row: Row) -> Entry:
    """A solved row as a layer, with what is not certain of it."""
    kind = type(solved.layer)
    notes = [f"{row.params:,}"] if row.params else []
    if (what := UNPRINTED.get(keras_type(row))) is not None:
        notes.append(f"{what}: not printed")
    if solved.others:
        notes.append(f"or {'; or '.join(solved.others[:3])}")
    fields = written(solved.layer, "keras")
    return Entry(solved.layer.kind, fields, note="; ".join(notes), primary=kind.primary)
