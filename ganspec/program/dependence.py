"""Measure which rows and columns of an input each position of a call's result depends on.

The rows and columns of the input are changed one after another, by positive and by negative
numbers. The positions of the result that change depend on the changed row or column. On large
inputs only some changes are made: see `dependence` and `_scan`.

The call is applied in double precision with positive weights, so that no two paths cancel. It
always gets the same seed and a batch of two equal images. So random numbers do not count as
dependence, nor do differences within a batch, which minibatch discrimination measures.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from math import isqrt
from typing import TypeAlias

import torch
import torch.nn.functional as F

from ganspec.program.ir import Call, Value
from ganspec.program.probe import FAILURES, hollow
from ganspec.program.statistics import fix_neutral

# more rows or columns than these are changed in groups; of more positions, a few are tried first
FEW = 64
MOST_WEIGHTS = 2**22  # a module with more weights gets buffers of 1 in place of its own
Masks: TypeAlias = tuple[torch.Tensor, torch.Tensor]  # rows x positions and columns x positions


def dependence(call: Call, values: list[Value], index: int, size: tuple[int, ...]) -> Masks | None:
    """Return masks of the rows and columns of input `index` that each position of the result reads.

    `values` are the call's inputs. `size` is the result's height and width, or its length if it is
    a vector. The masks are boolean, rows x positions and columns x positions; a vector counts as
    one row. If all positions of the result read the same, the masks may have one column for all of
    them.

    An input of more than FEW positions is first changed at a few. If changes at eight positions
    change exactly the same eight of the result, return None: the call works position by position.
    If each of three positions changes the whole result, assume that all of it reads all positions.
    Raises any error of the call.
    """
    trial = Trial(call, values, index)
    places = trial.places
    if (count := places.numel()) > FEW:
        some = torch.zeros(count, dtype=torch.bool)
        some[torch.randperm(count, generator=torch.Generator().manual_seed(0))[:8]] = True
        if size == places and torch.equal(trial.changes(some.view(places)), some.view(places)):
            return None
        three = F.one_hot(torch.tensor([0, count // 2, count - 1]), count).bool()
        if all(trial.changes(place.view(places)).all() for place in three):
            height, width = (1, *places)[-2:]
            return torch.ones(height, 1).bool(), torch.ones(width, 1).bool()
    *rows, columns = (_scan(trial, axis) for axis in range(len(places)))
    return (rows[0] if rows else columns.any(0)[None]), columns


class Trial:
    """A call on random inputs, of which the input number `index` can be changed.

    An input that is the index of a class is 0. `places` is the height and width of the input that
    can be changed, or its length. Numbers are in double precision, or in single precision if the
    call fails in double.
    """

    def __init__(self, call: Call, values: list[Value], index: int):
        self.index, self.is_map = index, values[index].is_map
        self.places = torch.Size(values[index].size if self.is_map else values[index].shape[:1])
        random = torch.Generator().manual_seed(0)
        drawn = [torch.rand(1, *v.shape, generator=random, dtype=torch.float64) for v in values]
        change = torch.rand(drawn[index].shape, generator=random, dtype=torch.float64)
        for dtype in (torch.float64, torch.float32):
            self.tolerance = 1e-9 if dtype == torch.float64 else 1e-5
            self.change = (5 + 5 * change).to(dtype)
            self.inputs = [
                v.tensor(1) if v.is_index else (0.5 + x).to(dtype)
                for v, x in zip(values, drawn, strict=True)
            ]
            try:
                self.function = _positive(call, dtype)
                self.usual = self._run(0)
                return
            except FAILURES:
                if dtype == torch.float32:
                    raise

    def changes(self, mask: torch.Tensor) -> torch.Tensor:
        """Return a mask of the result's positions that change if the input changes at `mask`."""
        shape = (1, *mask.shape) if self.is_map else (-1, *[1] * (self.change.dim() - 2))
        mask, changed = mask.view(shape), torch.zeros(())
        for sign in (1, -1):
            difference = (self._run(sign * self.change * mask) - self.usual).abs()
            # not `>`, so that NaN counts as a change
            changed = ~(difference <= self.tolerance * (1 + self.usual.abs())) | changed.bool()
        return changed.any(0) if changed.dim() == 3 else changed.unsqueeze(-1).flatten(1).any(1)

    def _run(self, change: torch.Tensor | int) -> torch.Tensor:
        """Return the call's result for one image, with `change` added to the input `index`."""
        inputs = list(self.inputs)
        inputs[self.index] = inputs[self.index] + change
        with torch.random.fork_rng(devices=[]), torch.no_grad():
            torch.manual_seed(0)
            return self.function(*(torch.cat([x, x]) for x in inputs))[0]


def _positive(call: Call, dtype: torch.dtype) -> Callable[..., torch.Tensor]:
    """Return the call as a function of its inputs; a module gets positive weights.

    A module of up to MOST_WEIGHTS weights has the buffers that its constructor makes. In a larger
    one, which takes long to construct, all buffers are 1.
    """
    if not call.is_module:
        return call.apply
    module = hollow(call)
    if sum(weight.numel() for weight in module.parameters()) <= MOST_WEIGHTS:
        with torch.random.fork_rng(devices=[]):
            module = (call.bare or call).build()
    else:
        for buffer in module.buffers():
            buffer.fill_(1)
    fix_neutral(module)
    module.to(dtype).eval()
    random = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for weight in module.parameters():
            # the division makes results about as large as inputs
            inputs = weight[0].numel() if weight.dim() > 1 else 1
            weight.uniform_(0.5, 1.5, generator=random).div_(inputs)
    return module


def _scan(trial: Trial, axis: int) -> torch.Tensor:
    """Return a mask of the indices along `axis` of the input that each position reads.

    The mask is indices x positions of the result. On an axis of at most FEW indices, each index is
    changed by itself. On a longer axis, every n-th index (a comb) or n neighbours (a block) are
    changed together; n is 32, or the square root of the length if that is more. From the results
    `_between` finds the first and last index that each position reads, and all indices between
    count as read. If it cannot find them for some position, each index is changed by itself.
    """

    def changes(indices: slice | int) -> torch.Tensor:
        mask = torch.zeros(trial.places, dtype=torch.bool)
        mask.movedim(axis, 0)[indices] = True
        return trial.changes(mask).flatten()

    length = trial.places[axis]
    if length > FEW:
        every = max(32, isqrt(length))
        combs = torch.stack([changes(slice(k, None, every)) for k in range(every)])
        blocks = {}
        for start in (0, every // 2 - every):  # the second blocks begin amid the first
            ranges = [slice(max(k, 0), k + every) for k in range(start, length, every)]
            blocks[start] = torch.stack([changes(each) for each in ranges])
        if (mask := _between(combs, blocks, length)) is not None:
            return mask
    return torch.stack([changes(k) for k in range(length)])


def _between(
    combs: torch.Tensor, blocks: dict[int, torch.Tensor], length: int
) -> torch.Tensor | None:
    """Return a mask that is True from the first to the last index that each position reads.

    The mask is indices x positions, `length` is the number of indices, and n that of `combs`. Row k
    of `combs` is a mask of the positions that read any of the indices k, k + n, k + 2n ... Row k of
    `blocks[start]` is a mask of those that read any of the n indices from start + k * n on. Return
    None if a position reads several blocks of each start, since then its first index is unknown.
    """
    every, place = len(combs), torch.arange(length)[:, None]
    mask, is_known = torch.zeros(length, combs.shape[1], dtype=torch.bool), ~combs.any(0)
    for start, hits in blocks.items():
        is_single = hits.sum(0) == 1
        begin = start + hits.int().argmax(0) * every
        first, last = (begin + end for end in _ends(combs.roll(-start, 0)))
        mask |= (first <= place) & (place <= last) & is_single
        is_known |= is_single
    return mask if is_known.all() else None


def _ends(hits: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return, for each column of `hits`, the index of the first and of the last row with True.

    For a column without True they are 0 and the index of the last row.
    """
    return hits.int().argmax(0), len(hits) - 1 - hits.int().flip(0).argmax(0)


def strides(masks: Masks, places: torch.Size) -> list[Fraction]:
    """Return the strides down and across: input rows and columns between neighbouring positions.

    `masks` are those that `dependence` returns, `places` is the result's height and width. The
    rows, or columns, that a position reads have a middle. Along each axis a line is fitted through
    the middles; its slope without sign, rounded to n or 1 / n for a whole number n, is the stride.
    If the slope is 0, the stride is the number of indices divided by that of positions, rounded
    likewise.
    """
    slopes = []
    for axis, mask in enumerate(masks):
        line = mask
        if mask.shape[1] > 1:
            line = mask.unflatten(1, places).select(2 - axis, places[1 - axis] // 2)
        first, last = _ends(line)
        # where the edges of the input cut a window, its middle is not on the line
        whole = ((first > 0) & (last < len(mask) - 1)).nonzero().flatten()
        whole = whole if len(whole) > 1 else torch.arange(places[axis])
        whole = whole[len(whole) // 4 : len(whole) - len(whole) // 4].double()
        middles = (first + last)[whole.long() % line.shape[1]] / 2
        apart = whole - whole.mean()  # the slope of a line through the middles
        slope = abs(float((apart * middles).sum() / apart.square().sum().clamp(min=1e-9)))
        slope = slope or len(mask) / places[axis]
        slopes.append(Fraction(round(slope)) if slope >= 1 else 1 / Fraction(round(1 / slope)))
    return slopes
