"""The receptive fields of a network's values: the parts of the image that they depend on.

The program is run on coordinates, with a maximum in place of every sum. For each position of a
value, this gives the last row and column of the image that it depends on ("sees"), and the first
ones, which are negated so that a maximum finds them. A position that reads several others sees from
their first row and column to their last. For the calls in `RULES` this is exact at the edges of the
image, at odd sizes and for the phases of transposed convolutions, unlike the closed formula
(equation 2 of Araujo et al., 2019, "Computing Receptive Fields of Convolutional Neural Networks").
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TypeAlias

import torch
import torch.nn.functional as F
from torch import nn

from ganspec.language.types import pair
from ganspec.program.dependence import dependence, strides
from ganspec.program.ir import Net, Step, Value
from ganspec.program.measure import below_key
from ganspec.program.probe import hollow

NOWHERE = -torch.inf  # in all four edges of a position that sees nothing of the image
Jump: TypeAlias = tuple[Fraction, Fraction]
Pair: TypeAlias = tuple[int, int]


@dataclass(frozen=True)
class ReceptiveField:
    """The largest height and width, in pixels of the image, that one number of a value sees.

    `jump` is the distance, in pixels down and across, between the fields of neighbouring positions
    of a map. It is None for a vector, and for a map that was made from a vector.
    """

    size: Pair
    jump: Jump | None

    def __str__(self) -> str:
        return " x ".join(map(str, self.size))


@dataclass(frozen=True)
class Reach:
    """The edges of the area of the image that each position of a value sees.

    `edges` is a tensor of 4 x height x width for a map, whose channels share the edges, and of 4 x
    length for a vector. The four are the last row, the negated first row, the last column and the
    negated first column. `jump` is the distance, in pixels down and across, between the areas of
    neighbouring positions; None for a vector, and for a map that was made from a vector.
    """

    edges: torch.Tensor
    jump: Jump | None = None

    @property
    def is_blind(self) -> bool:
        """True if no position sees any of the image, as for labels."""
        return bool((self.edges == NOWHERE).all())

    def summary(self) -> ReceptiveField | None:
        """Return the largest height and width of the areas; None if no position sees the image."""
        if self.is_blind:
            return None
        bottom, top, right, left = self.edges.flatten(1)
        size = int((bottom + top).max()) + 1, int((right + left).max()) + 1
        return ReceptiveField(size, self.jump)


def receptive_field(net: Net) -> Pair | None:
    """Return the height and width, in pixels, that one number of a network's output sees.

    They are the largest over all positions of the output, and never larger than the image. As is
    usual, statistics of torch's normalizations do not count. Return None if the net reads no image,
    or if its output does not depend on the image.
    """
    field = _reaches(net)[net.output.id].summary() if net.inputs[0].value.is_map else None
    return field.size if field else None


def receptive_fields(net: Net) -> dict[str, ReceptiveField | None]:
    """Return the receptive field of each layer by its `Cost.path`; {} if `net` reads no image.

    The field is None for a layer that does not depend on the image but, for example, on the label.
    """
    if not net.inputs[0].value.is_map:
        return {}
    reaches = _reaches(net)
    return {below_key(s.origin.path): reaches[s.output.id].summary() for s in net.leaves()}


def _reaches(net: Net) -> dict[int, Reach]:
    """Return the reach of every value, also of values inside blocks, by the value's id."""
    image, *labels = (i.value for i in net.inputs)
    return dict(_run(net, [_pixels(image), *map(_blind, labels)]))


def _run(net: Net, inputs: list[Reach]) -> Iterator[tuple[int, Reach]]:
    """Yield the id and reach of every value of `net`; `inputs` are the reaches of its inputs."""
    reaches = {start.value.id: reach for start, reach in zip(net.inputs, inputs, strict=True)}
    for step in net.steps:
        reads = [reaches[i] for i in step.inputs]
        if isinstance(step.call.target, Net):
            inner = dict(_run(step.call.target, reads))
            yield from inner.items()
            output = inner[step.call.target.output.id]
        elif step.call.target in RULES:
            output = RULES[step.call.target](step, reads)
        else:
            output = _probed(step, [net.values[i] for i in step.inputs], reads)
        reaches[step.output.id] = output
    yield from reaches.items()


def _pixels(image: Value) -> Reach:
    """Return the reach of the image: every pixel sees itself."""
    rows, columns = (torch.arange(float(n)) for n in image.size)
    rows, columns = torch.meshgrid(rows, columns, indexing="ij")
    return Reach(torch.stack([rows, -rows, columns, -columns]), (Fraction(1), Fraction(1)))


def _blind(value: Value) -> Reach:
    """Return a reach in the shape of `value` that sees nothing of the image."""
    places = value.size if value.is_map else value.shape[:1]
    return Reach(torch.full((4, *places), NOWHERE))


# -- rules: from the reaches of a call's inputs to that of its output -------------------------


@dataclass(frozen=True)
class Windows:
    """Sliding windows over a map; each field is a pair, down and across.

    The first window begins `before` rows above and columns left of the map.
    """

    kernel: Pair
    stride: Pair
    before: Pair
    dilation: Pair

    @classmethod
    def of(cls, module: nn.Module) -> Windows:
        """Return the windows of a convolution or a pool."""
        names = ("kernel_size", "stride", "padding", "dilation")
        return cls(*(pair(getattr(module, name, 1)) for name in names))

    def slide(self, edges: torch.Tensor, size: Pair) -> torch.Tensor:
        """Return the maximum of `edges` in each window; `size` counts windows down and across."""
        padding = []
        for i in (1, 0):  # F.pad takes the padding of columns first; negative padding crops
            span = (size[i] - 1) * self.stride[i] + (self.kernel[i] - 1) * self.dilation[i] + 1
            padding += [self.before[i], span - self.before[i] - edges.shape[1 + i]]
        edges = F.pad(edges, padding, value=NOWHERE)
        # down and then across, which is much less work for large windows
        (rows, columns), (down, across), (apart, beside) = self.kernel, self.stride, self.dilation
        edges = F.max_pool2d(edges, (rows, 1), (down, 1), 0, (apart, 1))
        return F.max_pool2d(edges, (1, columns), (1, across), 0, (1, beside))


def _everything(step: Step, reads: list[Reach]) -> Reach:
    """Return the reach of a result whose every number reads all numbers of the inputs."""
    blind = _blind(step.output)
    edges = torch.stack([reach.edges.flatten(1).amax(1) for reach in reads]).amax(0)
    edges = edges.view(4, *[1] * (blind.edges.dim() - 1)).expand_as(blind.edges)
    jump = reads[0].jump if reads[0].edges.shape == edges.shape else None
    return Reach(edges, jump)


def _windows(step: Step, reads: list[Reach]) -> Reach:
    """Return the reach of a convolution or a pool; padding inside a window sees nothing."""
    (x,), windows = reads, Windows.of(hollow(step.call))
    return Reach(windows.slide(x.edges, step.output.size), _scale(x.jump, windows.stride))


def _transposed(step: Step, reads: list[Reach]) -> Reach:
    (x,) = reads
    return _grow(step, x, Windows.of(hollow(step.call)))


def _resampled(step: Step, reads: list[Reach]) -> Reach:
    """Return the reach of an upsampling or a pixel shuffle: that of a transposed convolution."""
    (x,), module = reads, hollow(step.call)
    factor = int(getattr(module, "scale_factor", 0) or getattr(module, "upscale_factor", 0))
    is_bilinear = getattr(module, "mode", None) == "bilinear"
    kernel = 2 * factor - factor % 2 if is_bilinear else factor
    return _grow(step, x, Windows(*map(pair, (kernel, factor, (kernel - factor) // 2, 1))))


def _grow(step: Step, x: Reach, transposed: Windows) -> Reach:
    """Return the reach of a transposed convolution of `x` with the windows `transposed`.

    The positions of `x` are set apart by the stride; windows of stride 1 then slide over them.
    """
    stride, dilation = transposed.stride, transposed.dilation
    rows, columns = ((n - 1) * s + 1 for n, s in zip(x.edges.shape[1:], stride, strict=True))
    apart = torch.full((4, rows, columns), NOWHERE)
    apart[:, :: stride[0], :: stride[1]] = x.edges
    sides = zip(transposed.kernel, dilation, transposed.before, strict=True)
    top, left = (d * (k - 1) - cut for k, d, cut in sides)
    windows = Windows(transposed.kernel, (1, 1), (top, left), dilation)
    jump = _scale(x.jump, [Fraction(1, s) for s in stride])
    return Reach(windows.slide(apart, step.output.size), jump)


def _scale(jump: Jump | None, strides: Sequence[int | Fraction]) -> Jump | None:
    return (jump[0] * strides[0], jump[1] * strides[1]) if jump else None


def _padded(step: Step, reads: list[Reach]) -> Reach:
    """Return the reach of a padding: its module pads the edges; padded zeros see nothing."""
    (x,), module = reads, hollow(step.call)
    if isinstance(module, nn.ZeroPad2d):
        module.value = NOWHERE
    return Reach(module(x.edges), x.jump)


def _flattened(step: Step, reads: list[Reach]) -> Reach:
    (x,) = reads
    places = x.edges[0].numel()
    return Reach(x.edges.flatten(1).repeat(1, step.output.shape[0] // places))


def _unflattened(step: Step, reads: list[Reach]) -> Reach:
    (x,) = reads
    return Reach(x.edges.reshape(4, *step.output.shape).amax(1))


def _concatenated(step: Step, reads: list[Reach]) -> Reach:
    """Return the reach of `torch.cat`: the union for maps; the reaches end to end for vectors."""
    if not step.output.is_map:
        return Reach(torch.cat([reach.edges for reach in reads], dim=1))
    return _union(reads)


def _union(reaches: list[Reach]) -> Reach:
    """Return the reach in which each position sees all that it sees in any of `reaches`."""
    jump = next((reach.jump for reach in reaches if reach.jump), None)
    return Reach(torch.stack([reach.edges for reach in reaches]).amax(0), jump)


RULES: dict[object, Callable[[Step, list[Reach]], Reach]] = {
    **dict.fromkeys((nn.Conv2d, nn.MaxPool2d, nn.AvgPool2d), _windows),
    nn.ConvTranspose2d: _transposed,
    **dict.fromkeys((nn.Upsample, nn.PixelShuffle), _resampled),
    **dict.fromkeys((nn.ZeroPad2d, nn.ReflectionPad2d, nn.ReplicationPad2d), _padded),
    nn.Flatten: _flattened,
    nn.Unflatten: _unflattened,
    torch.cat: _concatenated,
    nn.Linear: _everything,
    # these change each number by itself, apart from statistics, which do not count
    **dict.fromkeys((nn.InstanceNorm2d, nn.GroupNorm, nn.LayerNorm), lambda step, reads: reads[0]),
    # so do these; `_probed` would find that, too, but takes long for a deep network with many
    **dict.fromkeys((nn.BatchNorm2d, nn.ReLU, nn.LeakyReLU), lambda step, reads: reads[0]),
}


def _probed(step: Step, values: list[Value], reads: list[Reach]) -> Reach:
    """Return the reach of a call without a rule, by running the call on changed inputs."""
    blind = _blind(step.output)
    parts, places = [blind], torch.Size(blind.edges.shape[1:])
    for i, reach in enumerate(reads):
        if reach.is_blind:
            continue
        masks = dependence(step.call, values, i, places)
        if masks is None:
            parts.append(reach)
            continue
        edges = _gather(reach.edges, *masks).unflatten(1, (-1, *[1] * (len(places) - 1)))
        edges = edges.expand_as(blind.edges) if edges[0].numel() == 1 else edges.view(4, *places)
        jump = _scale(reach.jump, strides(masks, places)) if len(places) == 2 else None
        parts.append(Reach(edges, jump))
    return _union(parts)


def _gather(edges: torch.Tensor, rows: torch.Tensor, columns: torch.Tensor) -> torch.Tensor:
    """Return the maximum of `edges` over the rows and columns that each position reads.

    `rows` and `columns` are the masks of `dependence`. The result is 4 x positions.
    """
    edges = edges.view(4, len(rows), len(columns))
    # many positions read the same rows, and many the same columns: compute each set once
    rows, row_of = rows.unique(dim=1, return_inverse=True)
    columns, column_of = columns.unique(dim=1, return_inverse=True)
    gathered = []
    for edge in edges:
        # the shape of `across`: rows x distinct sets of columns
        across = torch.where(columns, edge[..., None], NOWHERE).amax(1)
        down = torch.where(rows[:, :, None], across[:, None], NOWHERE).amax(0)
        gathered.append(down[row_of, column_of])
    return torch.stack(gathered)
