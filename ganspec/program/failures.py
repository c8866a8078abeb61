"""Name the layer of the spec in which an error arose, in a forward or in a backward pass."""

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
    """Add a note with the network and the layer to an error, unless a layer is named already.

    `part` says what of the network failed, if not its forward pass.
    """
    if hasattr(error, "layer"):
        return
    error.layer = origin  # type: ignore[attr-defined]  # read by this function alone
    place = f", {origin.mark}" if origin.mark else ""
    error.add_note(f"in {part}{network}, {origin.path} ({origin.kind}){place}")


def is_of_memory(error: BaseException) -> bool:
    """Return True if an error says that memory is used up."""
    return isinstance(error, MemoryError) or "memory" in str(error)


class Watch:
    """Calls each layer by a code object of its own, so that torch's tracebacks tell the layer."""

    def __init__(self) -> None:
        self.layers: list[tuple[str, Origin]] = []

    def call(self, network: str, origin: Origin, run: Callable[[], T]) -> T:
        """Return `run()`, which computes the layer `origin` of `network`."""
        self.layers.append((network, origin))
        code = _call.__code__.replace(co_filename=f"<layer {len(self.layers) - 1}>")
        return FunctionType(code, globals())(run)

    def found(self, tracebacks: list[str]) -> tuple[str, Origin] | None:
        """Return the network and the layer that the first traceback with a layer ends in."""
        for text in tracebacks:
            if numbers := re.findall(r'"<layer (\d+)>"', text):
                return self.layers[int(numbers[-1])]
        return None


def _call(run: Callable[[], T]) -> T:
    return run()


def blame_backward(error: Exception, again: Callable[[], object]) -> None:
    """Name the layer in whose backward pass `error` arose, if `again` fails in the same way.

    A backward pass runs outside Python and says nothing of layers. So `again`, which repeats what
    failed, is watched by torch's anomaly detection; nothing is watched as long as nothing fails.
    """
    frames = (frame for frame, _ in traceback.walk_tb(error.__traceback__))
    if hasattr(error, "layer") or "_engine_run_backward" not in (f.f_code.co_name for f in frames):
        return
    if is_of_memory(error):
        _free(error)
    if layer := _watched(type(error), again):
        blame(error, *layer, part="the backward pass of ")


def _free(error: Exception) -> None:
    """Free the tensors of a step that failed, so that another step has as much memory."""
    traceback.clear_frames(error.__traceback__)
    # a device forgets what was left to do of a failed backward pass only at its next one
    with suppress(RuntimeError):  # there may be no memory left for this, either
        for device in ["cpu", *(["cuda"] if torch.cuda.is_initialized() else [])]:
            torch.zeros((), device=device, requires_grad=True).sum().backward()
    torch.cuda.empty_cache()


def _watched(kind: type[Exception], run: Callable[[], object]) -> tuple[str, Origin] | None:
    """Return the layer in whose backward pass `run` raises an error of this kind, or None."""
    global watch
    watch = Watch()
    try:
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            with torch.autograd.set_detect_anomaly(True, check_nan=False):
                run()
    except kind:
        return watch.found([str(warning.message) for warning in told])
    except Exception:  # another failure says nothing about the first one
        return None
    finally:
        watch = None
    return None
