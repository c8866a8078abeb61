"""The device that a training runs on."""

from __future__ import annotations

import ctypes
import sys

import torch

from ganspec.runs.run import RunError

LOWER = ("tf32", "bf16", "fp16")  # precisions below single precision


def choose_device(name: str) -> torch.device:
    """Return the device `cpu` or `cuda`; `auto` is the first GPU, or the CPU without one.

    Raises RunError if there is no such device.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name not in ("cpu", "cuda"):
        raise RunError(f"no device is called `{name}`: use auto, cpu or cuda")
    if name == "cuda" and not torch.cuda.is_available():
        raise RunError("torch sees no GPU here: use --device cpu")
    return torch.device(name)


def prepare(device: torch.device, precision: str | None = None) -> None:
    """Make results on `device` repeatable bit for bit; on a CPU, reuse freed memory.

    On a GPU, products of single precision are computed in `precision`, or as torch does by default.
    """
    if device.type == "cuda":
        # by default, convolutions of single precision are tf32, and other products are not
        torch.set_float32_matmul_precision("high" if precision in LOWER else "highest")
        torch.backends.cudnn.allow_tf32 = precision != "fp32"
        # only some of cuDNN's algorithms add in the same order every time
        torch.backends.cudnn.deterministic = True
        torch.backends.cudnn.benchmark = False
    elif sys.platform == "linux":
        keep_freed_memory()


def keep_freed_memory() -> None:
    """Let glibc keep the memory that a step frees for the next one.

    By default glibc returns large blocks to the system, and the page faults of allocating them
    again take 10 to 30 % of a step's time on a CPU.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):  # another C library
        return
    threshold, trim = -3, -1  # M_MMAP_THRESHOLD, M_TRIM_THRESHOLD of malloc.h
    mallopt(threshold, 1 << 30)
    mallopt(trim, (1 << 31) - 1)
