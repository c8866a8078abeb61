"""The receptive field of a network's values: how much of the image each of them sees.

The program is run on coordinates with a maximum in place of every sum. Each place of a value holds
the last row and column that it reads and, negated, the first; what reads several places sees from
the first of theirs to the last. So the edges of the image, odd sizes and the phases of transposed
convolutions come out as they are, and no closed formula is needed (that one, which knows no
edges, is equation 2 of Araujo et al., 2019, "Computing Receptive Fields of Convolutional Neural
Networks").
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction

import torch
import torch.nn.functional as F
from torch import nn

from ganspec.language.types import pair
from ganspec.program.dependence import Masks, dependence, ends
from ganspec.program.ir import Net, Step, Value
from ganspec.program.measure import below_key
from ganspec.program.probe import hollow

NOWHERE = -torch.inf
Jump = tuple[Fraction, Fraction]


@dataclass(frozen=True)
class ReceptiveField:
    """Height and width, in pixels of the image, that one number sees at most.

    `jump` is the distance in pixels between what neighbouring places of a map see; a vector has
    none.
    """

    size: tuple[int, int]
    jump: Jump | None

    def __str__(self) -> str:
        return " x ".join(map(str, self.size))


@dataclass(frozen=True)
class Field:
    """What the places of a value see: a tensor of 4 x height x width, or 4 x numbers.

    The four are the last row, the first negated, the last column, the first negated; the channels
    of a map count together.
    """

    reach: torch.Tensor
    jump: Jump | None = None

    @property
    def is_blind(self) -> bool:
        """Whether it sees nothing of the image, as a label does."""
        return bool((self.reach == NOWHERE).all())

    def summary(self) -> ReceptiveField | None:
        """The largest extents; None where nothing is seen."""
        if self.is_blind:
            return None
        bottom, top, right, left = self.reach.flatten(1)
        size = int((bottom + top).max()) + 1, int((right + left).max()) + 1
        return ReceptiveField(size, self.jump)


def receptive_field(net: Net) -> tuple[int, int] | None:
    """Height and width, in pixels of the image, that one number of the network's output sees.

    The largest over all places, and never more than the image; statistics of normalizations are
    left aside, as is usual. None for a network that reads no image.
    """
    found = _fields(net)[net.output.id].summary() if net.inputs[0].value.is_map else None
    return found.size if found else None


def receptive_fields(net: Net) -> dict[str, ReceptiveField | None]:
    """What each layer's result sees, by its path in `Cost`; empty where no image is read."""
    if not net.inputs[0].value.is_map:
        return {}
    fields = _fields(net)
    steps = net.leaves()
    return {below_key(step.origin.path): fields[step.output.id].summary() for step in steps}


def _fields(net: Net) -> dict[int, Field]:
    """The field of every value by its id, those inside blocks included."""
    image, *labels = (i.value for i in net.inputs)
    return dict(_run(net, [_pixels(image), *map(_blind, labels)]))


def _run(net: Net, inputs: list[Field]) -> Iterator[tuple[int, Field]]:
    starts = [i.value for i in net.inputs]
    values = {value.id: value for value in starts}
    fields = {value.id: field for value, field in zip(starts, inputs, strict=True)}
    for step in net.steps:
        reads = [fields[i] for i in step.inputs]
        if isinstance(step.call.target, Net):
            inner = dict(_run(step.call.target, reads))
            yield from inner.items()
            made = inner[step.call.target.output.id]
        elif step.call.target in RULES:
            made = RULES[step.call.target](step, reads)
        else:
            made = _probed(step, [values[i] for i in step.inputs], reads)
        values[step.output.id], fields[step.output.id] = step.output, made
    yield from fields.items()


def _pixels(image: Value) -> Field:
    """Every pixel sees itself."""
    rows, columns = (torch.arange(float(n)) for n in image.size)
    rows, columns = torch.meshgrid(rows, columns, indexing="ij")
    return Field(torch.stack([rows, -rows, columns, -columns]), (Fraction(1), Fraction(1)))


def _blind(value: Value) -> Field:
    places = value.size if value.is_map else value.shape[:1]
    return Field(torch.full((4, *places), NOWHERE))


# -- how calls spread what they read ----------------------------------------------------------


def _everything(step: Step, reads: list[Field]) -> Field:
    """Each number of the result reads every number."""
    blind = _blind(step.output)
    whole = torch.stack([field.reach.flatten(1).amax(1) for field in reads]).amax(0)
    whole = whole.view(4, *[1] * (blind.reach.dim() - 1)).expand_as(blind.reach)
    jump = reads[0].jump if reads[0].reach.shape == whole.shape else None
    return Field(whole, jump)


def _windows(step: Step, reads: list[Field]) -> Field:
    """A convolution or a pool: the union over each window, whatever of it is in the map."""
    (x,), module = reads, hollow(step.call)
    kernel, stride, padding = map(pair, (module.kernel_size, module.stride, module.padding))
    dilation = pair(getattr(module, "dilation", 1))
    reach = _slide(x.reach, step.output.size, kernel, stride, dilation, padding)
    return Field(reach, _times(x.jump, stride))


def _slide(reach, size, kernel, stride, dilation, before) -> torch.Tensor:
    """The maximum over `size` windows, the first of which starts `before` places outside."""
    padding = []
    for side in (1, 0):  # F.pad wants the columns first; a negative padding crops
        span = (size[side] - 1) * stride[side] + (kernel[side] - 1) * dilation[side] + 1
        padding += [before[side], span - before[side] - reach.shape[1 + side]]
    return F.max_pool2d(F.pad(reach, padding, value=NOWHERE), kernel, stride, 0, dilation)


def _transposed(step: Step, reads: list[Field]) -> Field:
    module = hollow(step.call)
    return _grown(step, *reads, module.kernel_size, module.stride, module.padding, module.dilation)


def _resampled(step: Step, reads: list[Field]) -> Field:
    """Repeated and bilinear pixels are those of transposed convolutions with these kernels."""
    module = hollow(step.call)
    factor = int(getattr(module, "scale_factor", 0) or module.upscale_factor)
    is_bilinear = getattr(module, "mode", None) == "bilinear"
    kernel = 2 * factor - factor % 2 if is_bilinear else factor
    return _grown(step, *reads, *map(pair, (kernel, factor, (kernel - factor) // 2, 1)))


def _grown(step: Step, x: Field, kernel, stride, padding, dilation) -> Field:
    """A transposed convolution: windows over the map with its places moved apart."""
    rows, columns = ((n - 1) * s + 1 for n, s in zip(x.reach.shape[1:], stride, strict=True))
    apart = torch.full((4, rows, columns), NOWHERE)
    apart[:, :: stride[0], :: stride[1]] = x.reach
    sides = zip(kernel, dilation, padding, strict=True)
    before = [d * (k - 1) - cut for k, d, cut in sides]
    reach = _slide(apart, step.output.size, kernel, (1, 1), dilation, before)
    return Field(reach, _times(x.jump, [Fraction(1, s) for s in stride]))


def _times(jump: Jump | None, stride) -> Jump | None:
    return (jump[0] * stride[0], jump[1] * stride[1]) if jump else None


def _zero_padded(step: Step, reads: list[Field]) -> Field:
    (x,) = reads
    return Field(F.pad(x.reach, hollow(step.call).padding, value=NOWHERE), x.jump)


def _mirrored(step: Step, reads: list[Field]) -> Field:
    """The padding is places of the map itself, which torch finds."""
    (x,) = reads
    return Field(hollow(step.call)(x.reach), x.jump)


def _flattened(step: Step, reads: list[Field]) -> Field:
    (x,) = reads
    places = x.reach[0].numel()
    return Field(x.reach.flatten(1).repeat(1, step.output.shape[0] // places))


def _unflattened(step: Step, reads: list[Field]) -> Field:
    (x,) = reads
    return Field(x.reach.reshape(4, *step.output.shape).amax(1))


def _joined(step: Step, reads: list[Field]) -> Field:
    """Maps lie over each other, vectors behind each other."""
    if not step.output.is_map:
        return Field(torch.cat([field.reach for field in reads], dim=1))
    jump = next((field.jump for field in reads if field.jump), None)
    return Field(torch.stack([field.reach for field in reads]).amax(0), jump)


RULES: dict[object, Callable[[Step, list[Field]], Field]] = {
    **dict.fromkeys((nn.Conv2d, nn.MaxPool2d, nn.AvgPool2d), _windows),
    nn.ConvTranspose2d: _transposed,
    **dict.fromkeys((nn.Upsample, nn.PixelShuffle), _resampled),
    nn.ZeroPad2d: _zero_padded,
    **dict.fromkeys((nn.ReflectionPad2d, nn.ReplicationPad2d), _mirrored),
    nn.Flatten: _flattened,
    nn.Unflatten: _unflattened,
    torch.cat: _joined,
    nn.Linear: _everything,
    # each number by itself, but for statistics
    **dict.fromkeys((nn.InstanceNorm2d, nn.GroupNorm, nn.LayerNorm), lambda step, reads: reads[0]),
    # as probing finds, too: these are most of a deep network, and are spared the time
    **dict.fromkeys((nn.BatchNorm2d, nn.ReLU, nn.LeakyReLU), lambda step, reads: reads[0]),
}


def _probed(step: Step, values: list[Value], reads: list[Field]) -> Field:
    """A call without a rule: what each place reads is found by running it."""
    blind = _blind(step.output)
    spread, places = [blind], torch.Size(blind.reach.shape[1:])
    for i, field in enumerate(reads):
        if field.is_blind:
            continue
        masks = dependence(step.call, values, i, places)
        if masks is None:
            spread.append(field)
            continue
        reach = _gathered(field.reach, *masks).unflatten(1, (-1, *[1] * (len(places) - 1)))
        reach = reach.expand_as(blind.reach) if reach[0].numel() == 1 else reach.view(4, *places)
        jump = _times(field.jump, _strides(masks, places)) if len(places) == 2 else None
        spread.append(Field(reach, jump))
    jump = next((field.jump for field in spread if field.jump), None)
    return Field(torch.stack([field.reach for field in spread]).amax(0), jump)


def _gathered(reach: torch.Tensor, rows: torch.Tensor, columns: torch.Tensor) -> torch.Tensor:
    """Return the maximum of `reach` over each place's rows and columns: 4 x places."""
    reach = reach.view(4, len(rows), len(columns))
    # many places share their rows, and many their columns
    rows, row_of = rows.unique(dim=1, return_inverse=True)
    columns, column_of = columns.unique(dim=1, return_inverse=True)
    made = []
    for each in reach:
        across = torch.where(columns, each[..., None], NOWHERE).amax(1)  # rows x columns' sets
        down = torch.where(rows[:, :, None], across[:, None], NOWHERE).amax(0)
        made.append(down[row_of, column_of])
    return torch.stack(made)


def _strides(masks: Masks, places: tuple[int, int]) -> list[Fraction]:
    """Return how far apart neighbouring places read, by the middles of what they read."""
    strides = []
    for axis, mask in enumerate(masks):
        line = mask
        if mask.shape[1] > 1:
            line = mask.unflatten(1, places).select(2 - axis, places[1 - axis] // 2)
        first, last = ends(line)
        whole = ((first > 0) & (last < len(mask) - 1)).nonzero().flatten()  # no edge cuts these
        whole = whole if len(whole) > 1 else torch.arange(places[axis])
        whole = whole[len(whole) // 4 : len(whole) - len(whole) // 4].double()
        middles = (first + last)[whole.long() % line.shape[1]] / 2
        apart = whole - whole.mean()  # the slope of a line through the middles
        slope = abs(float((apart * middles).sum() / apart.square().sum().clamp(min=1e-9)))
        slope = slope or len(mask) / places[axis]
        strides.append(Fraction(round(slope)) if slope >= 1 else 1 / Fraction(round(1 / slope)))
    return strides
