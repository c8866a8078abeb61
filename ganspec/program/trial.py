"""Find out whether a step of a program can read a batch of a certain size, by trying it.

Most calls treat each image by itself and read any batch. A normalization, or a layer of a user's
own, may need several images, or a multiple of some number.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Collection

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from ganspec.program.ir import Call, Step, Value
from ganspec.program.probe import hollow, is_foreign

LARGEST = 2**26  # most numbers in a batch of inputs; a larger batch is not tried
# sizes of batches of which a layer should read one: small and large ones, and multiples of 3 to 10
USUAL = (64, 16, 2, 60, 63)
ONE_VALUE = "more than 1 value per channel"  # part of torch's error for a batch norm of one vector


def reason_against(
    step: Step, inputs: list[Value], images: int, training: bool, others: Collection[int] = ()
) -> str | None:
    """Return why a step cannot read a batch of `images` images, in one line.

    The reason is the step's error, or `its results are not numbers`, as for the standard deviation
    of a single image. Return None if the step can read the batch, or if its module cannot be built
    or the batch is too large to be tried. Return None, too, if the step also fails on batches of
    all USUAL sizes, and of the sizes `others`: its error then has another reason than the number of
    images.
    """
    largest = LARGEST // max(1, sum(math.prod(value.shape) for value in inputs))
    if not _may_refuse(step.call, images) or images > largest:
        return None
    quiet = warnings.catch_warnings(action="ignore")
    with torch.random.fork_rng(devices=[]), quiet, torch.no_grad():
        torch.manual_seed(0)
        try:
            run = _runner(step.call, training)
        except Exception:
            return None
        reason = _failure(run, inputs, images)
        if reason is None or ONE_VALUE in reason:
            return reason
        usual = (size for size in (*USUAL, *others) if images != size <= largest)
        return reason if any(_failure(run, inputs, size) is None for size in usual) else None


def _may_refuse(call: Call, images: int) -> bool:
    """Return True if a call may refuse a batch because of its number of images.

    Code from outside torch and ganspec may refuse any number. Batch norms of torch and modules of
    ganspec may refuse a single image. All other calls read any batch.
    """
    if is_foreign(call):
        return True
    if not call.is_module or images > 1:
        return False
    home = call.target.__module__
    return home.startswith("ganspec.") or issubclass(call.function, _BatchNorm)  # type: ignore[arg-type]  # a class


def _runner(call: Call, training: bool) -> Callable[..., torch.Tensor]:
    """Return the call as a function of its inputs.

    A module gets small random weights, and buffers of 0.
    """
    if not call.is_module:
        return call.apply
    module: nn.Module = hollow(call).train(training)
    for weight in module.parameters():
        if weight.is_floating_point():
            weight.normal_(std=0.1)
    for buffer in module.buffers():
        buffer.zero_()
    return module


def _failure(run: Callable[..., torch.Tensor], inputs: list[Value], images: int) -> str | None:
    """Return why `run` fails on `images` random images, in one line; None if it returns numbers."""
    tensors = [value.tensor(images) for value in inputs]
    try:
        output = run(*(x.normal_() if x.is_floating_point() else x for x in tensors))
    except Exception as error:
        return str(error).split("\n")[0] or type(error).__name__
    return "its results are not numbers" if torch.isnan(output).any() else None
