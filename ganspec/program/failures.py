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

from ganspec.language.errors import is_out_of_memory
from ganspec.program.ir import Origin

T = TypeVar("T")

watch: Watch | None = None  # networks call each layer through it if it is set


def blame(error: BaseException, network: str, origin: Origin, part: str = "") -> None:
    """Add a note to `error` that names `network` and the layer `origin`.

    Do nothing if an earlier call has added such a note. `part` is put before the network's name: ""
    for a forward pass, or `the backward pass of `.
    """
    if hasattr(error, "layer"):
        return
    error.layer = origin  # type: ignore[attr-defined]  # read in this file alone
    place = f", {origin.mark}" if origin.mark else ""
    error.add_note(f"in {part}{network}, {origin.path} ({origin.kind}){place}")


class Watch:
    """Calls each layer through another copy of `_call`, with a file name such as `<layer 3>`.

    Tracebacks show this name. Its number is the layer's index in `layers`.
    """

    def __init__(self) -> None:
        self.layers: list[tuple[str, Origin]] = []

    def call(self, network: str, origin: Origin, run: Callable[[], T]) -> T:
        """Return `run()`, which computes the layer `origin` of `network`."""
        self.layers.append((network, origin))
        code = _call.__code__.replace(co_filename=f"<layer {len(self.layers) - 1}>")
        return FunctionType(code, globals())(run)

    def layer_in(self, tracebacks: list[str]) -> tuple[str, Origin] | None:
        """Return the network and layer in the first traceback that names a layer, or else None.

        If that traceback names several layers, return the innermost.
        """
        for text in tracebacks:
            if numbers := re.findall(r'"<layer (\d+)>"', text):
                return self.layers[int(numbers[-1])]
        return None


def _call(run: Callable[[], T]) -> T:
    return run()


def blame_backward(error: Exception, again: Callable[[], object]) -> None:
    """Add a note to `error` that names the layer whose backward pass raised it.

    A backward pass runs outside Python, so its errors do not name a layer. `again` is a function
    that repeats the failed training step. It is called under torch's anomaly detection, which
    records the layers, but is too slow to be always on. No note is added if `error` has one, if it
    does not come from a backward pass, if `again` raises no error of the same class, or if the
    record names no layer.
    """
    frames = (frame for frame, _ in traceback.walk_tb(error.__traceback__))
    if hasattr(error, "layer") or "_engine_run_backward" not in (f.f_code.co_name for f in frames):
        return
    if is_out_of_memory(error):
        _free(error)
    if layer := _watched(type(error), again):
        blame(error, *layer, part="the backward pass of ")


def _free(error: Exception) -> None:
    """Free the tensors of the training step that raised `error`, so that it can be repeated."""
    traceback.clear_frames(error.__traceback__)
    # a device keeps the tensors of a failed backward pass until its next one: make a tiny one
    with suppress(RuntimeError):  # there may not even be memory for this pass
        for device in ["cpu", *(["cuda"] if torch.cuda.is_initialized() else [])]:
            torch.zeros((), device=device, requires_grad=True).sum().backward()
    torch.cuda.empty_cache()


def _watched(expected: type[Exception], run: Callable[[], object]) -> tuple[str, Origin] | None:
    """Return the network and layer in whose backward pass `run` raises `expected`.

    Return None if `run` raises nothing or another error, or if torch's warnings name no layer.
    """
    global watch
    watch = Watch()
    try:
        with warnings.catch_warnings(record=True) as shown:
            warnings.simplefilter("always")
            with torch.autograd.set_detect_anomaly(True, check_nan=False):
                run()
    except expected:
        return watch.layer_in([str(warning.message) for warning in shown])
    except Exception:  # an error of another class has another cause than the first error
        return None
    finally:
        watch = None
    return None
