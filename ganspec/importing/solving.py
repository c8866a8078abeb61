"""Recognition of the layer in a row of a table, by class, output shape and parameters."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from math import isqrt

from ganspec.importing.entries import Data, Entry, data, written
from ganspec.importing.graph import Shape
from ganspec.importing.guesses import kind_with, layer_kinds
from ganspec.importing.likeness import lowered
from ganspec.importing.missing import unknown
from ganspec.importing.rows import COUNTED, UNKNOWN, Row, kind_of
from ganspec.kinds.layer import Layer
from ganspec.program.ir import Net
from ganspec.program.measure import costs, totals

Fields = Mapping[str, object]
STRIDES = range(1, 9)  # strides to try; also sides of pooling windows, factors and paddings
WIDEST = 31  # longest side of a kernel, in pixels


@dataclass
class Solution:
    """A layer that fits a row of a table.

    `others` has, in words, the other layers that fit; `open` names the fields in which those of the
    same kind differ.
    """

    layer: Layer
    others: list[str]
    open: list[str]

    def entry(self, row: Row) -> Entry:
        """Return the layer with a note: its parameter count, and up to three others that fit.

        Fields that the table does not tell are `unknown`.
        """
        notes = [
            f"{row.params:,}" if row.params else "",
            f"or {'; or '.join(self.others[:3])}" if self.others else "",
        ]
        fields = written(self.layer, row.framework)
        hidden = _dilation(self.layer) if row.framework == "keras" else ()
        for name in (*UNKNOWN.get(row.type, ()), *self.open, *hidden):
            fields[name] = unknown_field(self.layer, name, row.framework)
        return Entry(self.layer.kind, fields, note="; ".join(filter(None, notes)))


def unknown_field(layer: Layer, name: str, framework: str) -> Data:
    """Return `unknown` for a field of `layer`, with the layer's value as a guess if it needs one.

    The framework's default needs none: torch's default, which then stands in for the value, gives
    the same shapes.
    """
    value = getattr(layer, name)
    is_usual = value == type(layer).defaults(framework)[name]
    return unknown("not printed", None if is_usual else data(value, framework))


def _dilation(layer: Layer) -> tuple[str, ...]:
    """Return ("dilation",) if `layer` is a convolution whose output shape does not tell it.

    Keras refuses a dilation at strides above 1, and with `valid` a dilation changes the shape.
    """
    names = ("kernel", "stride", "padding")
    kernel, stride, padding = (getattr(layer, name, None) for name in names)
    is_lost = hasattr(layer, "dilation") and padding == "same" and stride == 1 and kernel != 1
    return ("dilation",) if is_lost else ()


def solve(row: Row, before: Shape) -> Solution | None:
    """Return the likeliest layer for a row that reads the shape `before`; None if none fits."""
    fitting: list[tuple[Layer, Net]] = []
    for layer in options(kind_of(row), row, before):
        net = fits(layer, before, row)
        if net is not None and not any(_makes_same_calls(net, other) for _, other in fitting):
            fitting.append((layer, net))
    if not fitting:
        return None
    best, *others = (layer for layer, _ in fitting)
    values = [dict(layer) for layer in others if layer.kind == best.kind]
    differing = [n for n, own in dict(best).items() if any(each[n] != own for each in values)]
    return Solution(best, [_difference(layer, best) for layer in others], differing)


def fits(layer: Layer, before: Shape, row: Row) -> Net | None:
    """Return the lowered layer if it has the row's output shape and parameter count, else None."""
    net = lowered(layer, before)
    if net is None or (row.shape is not None and net.output.shape != row.shape):
        return None
    return net if totals(costs(net))[COUNTED[row.framework]] == row.params else None


def _makes_same_calls(a: Net, b: Net) -> bool:
    one, two = ([(step.call, step.output.shape) for step in net.steps] for net in (a, b))
    return one == two


def _difference(layer: Layer, best: Layer) -> str:
    """Return the kind of `layer` if `best` has another one; else the fields that differ."""
    if layer.kind != best.kind:
        return layer.kind
    fields = {name: data(v) for name, v in dict(layer).items() if v != getattr(best, name)}
    return ", ".join(f"{name} {str(value).lower()}" for name, value in fields.items())


def activation_of(rows: list[Row]) -> Data:
    """Return the first ReLU, leaky ReLU or ELU in `rows` as a spec writes it; None without one.

    For Keras's `Activation`, whose function a table does not print, the value is `unknown`.
    """
    for row in rows:
        if row.type == "Activation":
            return unknown(f"{row.name} (Activation)")
        if (kind := kind_of(row)) in ("relu", "leaky_relu", "elu"):
            fields = {name: unknown("not printed") for name in UNKNOWN.get(row.type, ())}
            return {kind: fields} if fields else kind
    return None


# -- fields -----------------------------------------------------------------------------------


def options(kind: str, row: Row, before: Shape) -> Iterator[Layer]:
    """Yield layers of `kind` to try for a row, the usual ones first.

    Fields that are not tried have the framework's defaults. Nothing is yielded if there is no such
    kind.
    """
    if kind not in layer_kinds():
        return
    for fields in _fields_to_try(kind, row, before):
        if layer := _layer(kind, fields, row):
            yield layer
    # on maps, a Keras Dense is a 1 x 1 convolution
    if kind == "linear" and len(before) == 3 and row.framework == "keras":
        yield from options("conv", row, before)


def _fields_to_try(kind: str, row: Row, before: Shape) -> Iterator[Fields]:
    match kind:
        case "conv" | "conv_transpose":
            yield from _conv(row, before)
        case "linear":
            yield from ({"out": row.shape[0] if row.shape else 0, "bias": b} for b in (True, False))
        case "instance_norm":
            yield from ({"affine": affine} for affine in (False, True))
        case "batch_norm":
            for scale, center in ((True, True), (False, True), (True, False), (False, False)):
                yield {"scale": scale, "center": center}
        case "avg_pool" | "max_pool":
            yield from _pool(kind, row, before)
        case "reshape" if row.shape and len(row.shape) == 3:
            yield {"shape": row.shape}
        case "reshape":
            pass
        case "upsample":
            yield from ({"factor": factor} for factor in STRIDES)
        case "pad":
            for rows, columns in product(STRIDES, STRIDES):
                yield {"size": rows if rows == columns else (rows, columns)}
        case "dropout":
            yield {"channels": row.type != "Dropout"}
        case "group_norm":
            yield from ({"groups": groups} for groups in (32, 16, 8, 4, 2, 1))
        case _:
            yield {}


def _conv(row: Row, before: Shape) -> Iterator[Fields]:
    out = row.shape[0] if row.shape else 0
    windows: list[tuple[bool, int | tuple[int, int]]] = []
    for bias in (True, False):
        count, rest = divmod(row.params - bias * out, max(before[0] * out, 1))
        if count > 0 and not rest:
            windows += [(bias, kernel) for kernel in _windows(count)]
    square = [window for window in windows if isinstance(window[1], int)]
    # a generator's first convolution reads a map of 1 x 1 pixel and usually has no padding
    torch_paddings = (0, "same", 1, 2, 3) if before[1:] == (1, 1) else ("same", 0, 1, 2, 3)
    paddings = ("same", "valid") if row.framework == "keras" else torch_paddings
    for (bias, kernel), padding, stride in product(square or windows, paddings, STRIDES):
        yield {"out": out, "kernel": kernel, "stride": stride, "padding": padding, "bias": bias}


def _windows(count: int) -> list[int] | list[tuple[int, int]]:
    """Return the kernels of `count` pixels: the square one, or else all with sides to WIDEST."""
    if isqrt(count) ** 2 == count:
        return [isqrt(count)]
    sides = [(a, count // a) for a in range(1, WIDEST + 1) if count % a == 0]
    return [side for side in sides if max(side) <= WIDEST]


def _pool(kind: str, row: Row, before: Shape) -> Iterator[Fields]:
    for padding, size in product(("valid", "same"), STRIDES):
        fields: Fields = {"kernel": size, "padding": padding}
        layer = _layer(kind, fields, row)
        if layer and fits(layer, before, row):  # the default stride fits, so no other is tried
            yield fields
            return
    for padding, size, stride in product(("valid", "same"), STRIDES, STRIDES):
        yield {"kernel": size, "stride": stride, "padding": padding}


def _layer(kind: str, fields: Fields, row: Row) -> Layer | None:
    """Return a layer with the framework's defaults for other fields; None if some are invalid."""
    cls = layer_kinds()[kind]
    return kind_with(cls, {**cls.framework_defaults.get(row.framework, {}), **fields})
