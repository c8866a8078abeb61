"""Name the layer of the spec whose forward or backward pass raised an error."""

from __future__ import annotations

import re
import traceback
import warnings
from collections.abc import Callable
from contextlib import suppress
from types import FunctionType
from typing import TypeVar

import torch

from ganspec.program.ir import Origin

T = TypeVar("T")

watch: Watch | None = None  # set while a backward pass is watched; networks read it at each call


def blame(error: BaseException, network: str, origin: Origin, part: str = "") -> None:
    """Add a note to an error that names the network and the layer, unless it has such a note.

    `part` names the part of the network that failed, as in `the backward pass of `, if it was not
    the forward pass.
    """
    if hasattr(error, "layer"):
        return
    error.layer = origin  # type: ignore[attr-defined]  # read in this file alone
    place = f", {origin.mark}" if origin.mark else ""
    error.add_note(f"in {part}{network}, {origin.path} ({origin.kind}){place}")


def is_of_memory(error: BaseException) -> bool:
    """Return True if an error seems to say that there is no memory left."""
    return isinstance(error, MemoryError) or "memory" in str(error)


class Watch:
    """Calls each layer by a code object with a file name of its own, which tracebacks show."""

    def __init__(self) -> None:
        self.layers: list[tuple[str, Origin]] = []

    def call(self, network: str, origin: Origin, run: Callable[[], T]) -> T:
        """Return `run()`, which computes the layer `origin` of `network`."""
        self.layers.append((network, origin))
        code = _call.__code__.replace(co_filename=f"<layer {len(self.layers) - 1}>")
        return FunctionType(code, globals())(run)

    def layer_in(self, tracebacks: list[str]) -> tuple[str, Origin] | None:
        """Return the network and the innermost layer in the first traceback that has a layer."""
        for text in tracebacks:
            if numbers := re.findall(r'"<layer (\d+)>"', text):
                return self.layers[int(numbers[-1])]
        return None


def _call(run: Callable[[], T]) -> T:
    return run()


def blame_backward(error: Exception, again: Callable[[], object]) -> None:
    """Add a note to `error` that names the layer whose backward pass raised it.

    A backward pass runs outside Python, so its errors do not name a layer. `again` repeats what
    failed, under torch's anomaly detection, which slows a training and is off as long as nothing
    fails. No note is added if `error` is not of a backward pass, or if `again` does not raise an
    error of the same class.
    """
    frames = (frame for frame, _ in traceback.walk_tb(error.__traceback__))
    if hasattr(error, "layer") or "_engine_run_backward" not in (f.f_code.co_name for f in frames):
        return
    if is_of_memory(error):
        _free(error)
    if layer := _watched(type(error), again):
        blame(error, *layer, part="the backward pass of ")


def _free(error: Exception) -> None:
    """Free the tensors of the training step that raised `error`, to have memory for another."""
    traceback.clear_frames(error.__traceback__)
    # a device drops the rest of a failed backward pass, and its tensors, only at its next pass
    with suppress(RuntimeError):  # there may not even be memory for this pass
        for device in ["cpu", *(["cuda"] if torch.cuda.is_initialized() else [])]:
            torch.zeros((), device=device, requires_grad=True).sum().backward()
    torch.cuda.empty_cache()


def _watched(expected: type[Exception], run: Callable[[], object]) -> tuple[str, Origin] | None:
    """Return the network and layer in whose backward pass `run` raises `expected`, or None."""
    global watch
    watch = Watch()
    try:
        with warnings.catch_warnings(record=True) as shown:
            warnings.simplefilter("always")
            with torch.autograd.set_detect_anomaly(True, check_nan=False):
                run()
    except expected:
        return watch.layer_in([str(warning.message) for warning in shown])
    except Exception:  # an error of another class says nothing about the first one
        return None
    finally:
        watch = None
    return None
