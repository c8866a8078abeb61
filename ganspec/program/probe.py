"""Find the shape of a call's result by running the call on an empty batch.

Modules are built on the meta device, which draws no weights, and run on an empty batch in main
memory, which computes nothing. A call that refuses an empty batch, or may have returned it
unchanged, runs on two images, if these are not large. Runs on the meta device would give shapes,
too, but the meta device's Python kernels import torch's compiler, which takes more than a second. A
run in main memory takes less than a millisecond for each layer.
"""

from __future__ import annotations

import math
import re
import warnings
from contextlib import suppress

import torch
from torch import nn

from ganspec.program.ir import Call, Value

LARGEST = 2**31  # most numbers in a result for one image, and most weights: more is a mistake
LARGEST_RETRY = 2**22  # a call with a larger input, in numbers of one image, is not run on two
FAILURES = (RuntimeError, ValueError, TypeError, IndexError, MemoryError)  # what a call may raise
# Regular expressions for torch's messages, and what to say instead; `{0}` is the first group.
WORDS = (
    (
        r"padded input size per channel: \((\w+) x (\w+)\)\. Kernel size: \((\w+) x (\w+)\)",
        "its kernel of {2} x {3} is larger than the padded map of {0} x {1}",
    ),
    (
        r"(?i)(?:in|input)_channels must be divisible by groups",
        "`groups` does not divide its channels",
    ),
    (r"out_channels must be divisible by groups", "`groups` does not divide `out`"),
    (
        r"input size: \((\w+)\)\. Calculated output size: \(\w+\)\. Output size is too small",
        "its window is larger than the map",
    ),
    (r"square of upscale_factor, but .* divisible by (\d+)", "its channels are no multiple of {0}"),
    (r"Padding size should be less than", "its padding mirrors more than the map holds"),
    (r"could not construct a memory descriptor", "nothing is left of a map"),
)


class ProbeError(Exception):
    """Raised when a call fails, or when its result is empty, too large, no tensor or one number.

    If the call fails, the message is the text in `WORDS` for its error, or else the first line of
    the error.
    """


def probe(call: Call, inputs: tuple[Value, ...]) -> tuple[int, ...]:
    """Return the shape, without the batch, of the result of `call` on `inputs`.

    Raise ProbeError if the call fails, if its result is no tensor or one number for all images, if
    the result for one image is empty or has more than LARGEST numbers, or if code from outside
    torch and ganspec returns another number of rows than images.
    """
    try:
        with warnings.catch_warnings(action="ignore"), torch.no_grad():
            shape = _shape(call, inputs)
    except FAILURES as error:
        raise ProbeError(_worded(str(error))) from None
    if 0 in shape:  # torch refuses this only for a batch that is not empty
        raise ProbeError(f"an image would become {' x '.join(map(str, shape))}, which is nothing")
    if math.prod(shape) > LARGEST:
        raise ProbeError(
            f"an image would become {math.prod(shape):,} numbers, and {LARGEST:,} is the limit"
        )
    return shape


def _shape(call: Call, inputs: tuple[Value, ...]) -> tuple[int, ...]:
    """Return the shape, without the batch, of the result on an empty batch or on two images."""
    module = hollow(call) if call.is_module else None
    is_small = max(math.prod(value.shape) for value in inputs) <= LARGEST_RETRY
    try:
        shape = _run(call, module, inputs, batch=0)
    except FAILURES:
        # Affine instance norms and users' modules may refuse an empty batch. Other calls that fail
        # here fail on two images, too, with the message that a user would see.
        if not is_small:
            raise
        return _run(call, module, inputs, batch=2)
    if is_small and (is_foreign(call) or _may_be_skipped(call, module, inputs, shape)):
        # a call that fails on two images keeps the shape found on an empty batch
        with suppress(*FAILURES), torch.random.fork_rng(devices=[]):
            return _run(call, module, inputs, batch=2)
    return shape


def is_foreign(call: Call) -> bool:
    """Return True if a call is of code from outside torch, ganspec and Python's `operator`."""
    home = getattr(call.target, "__module__", None) or ""
    return home.partition(".")[0] not in ("torch", "ganspec", "_operator")


def _may_be_skipped(
    call: Call, module: nn.Module | None, inputs: tuple[Value, ...], shape: tuple[int, ...]
) -> bool:
    """Return True if torch may have returned an empty batch unchanged, without running the call.

    `torch.pixel_unshuffle` does so. The result is True, too, for any other call that has no weights
    and keeps the shape, such as relu, since the shapes do not tell the two apart.
    """
    if call.channels is not None and shape[:1] != (int(call.channels),):
        return True
    has_weights = module is not None and any(True for _ in module.parameters())
    return not has_weights and shape == inputs[0].shape


def _worded(message: str) -> str:
    """Return what `WORDS` says in place of torch's `message`, or else the message's first line."""
    for pattern, words in WORDS:
        if match := re.search(pattern, message):
            return words.format(*match.groups())
    reason = message.split("\n")[0].strip().rstrip(".")
    first = reason.partition(" ")[0]
    is_name = not first.isalpha() or first[1:] != first[1:].lower()  # such as `ReLU.__init__()`
    return reason if is_name else reason[:1].lower() + reason[1:]


def _run(
    call: Call, module: nn.Module | None, inputs: tuple[Value, ...], batch: int
) -> tuple[int, ...]:
    """Return the shape, without the batch, of the result for `batch` images of zeros.

    `module` is None if the call is of a function. Raise ProbeError if the result is no tensor, one
    number for all images, or has another number of rows; raise any error of the call.
    """
    tensors = [value.tensor(batch) for value in inputs]
    result = call.apply(*tensors) if module is None else module(*tensors)
    if not isinstance(result, torch.Tensor) or not result.ndim:
        what = "nothing" if result is None else f"a {type(result).__name__}"
        what = "one number" if isinstance(result, torch.Tensor) else what
        raise ProbeError(f"it returns {what}, not a tensor with a row for each image")
    if (rows := result.shape[0]) != batch:
        raise ProbeError(
            f"it returns {rows} row{'s' * (rows != 1)} for {batch} images, not {batch}"
        )
    return tuple(result.shape[1:])


def hollow(call: Call) -> nn.Module:
    """Return the call's module in main memory, without weight norms.

    Its weights and buffers are uninitialized memory. It is first built on the meta device. Raise
    ValueError if it would have more than LARGEST weights. If its constructor reads numbers of
    tensors, which have none on the meta device, it is built in main memory instead, with its
    initial weights and without this limit.
    """
    try:
        with torch.device("meta"):
            module = (call.bare or call).build()
    except RuntimeError as error:  # the constructor reads numbers, as with `.item()`
        if "meta" not in str(error):
            raise
        with torch.random.fork_rng(devices=[]):
            return (call.bare or call).build().requires_grad_(False)
    count = sum(p.numel() for p in module.parameters())
    if count > LARGEST:
        raise ValueError(f"it would have {count:,} weights, and {LARGEST:,} is the limit")
    for part in module.modules():
        for name, weight in part.named_parameters(recurse=False):
            empty = torch.empty(tuple(weight.shape))
            part.register_parameter(name, nn.Parameter(empty, requires_grad=False))
        for name, buffer in part.named_buffers(recurse=False):
            part.register_buffer(name, torch.empty(tuple(buffer.shape), dtype=buffer.dtype))
    return module
