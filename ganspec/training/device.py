"""The device that a training runs on, and the versions that it depends on."""

from __future__ import annotations

import ctypes
import platform
import sys

import torch

from ganspec.runs.run import RunError
from ganspec.version import VERSION


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


def prepare(device: torch.device) -> None:
    """Make results on `device` repeatable bit for bit; on a CPU, reuse freed memory."""
    if device.type == "cuda":
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


def environment(device: torch.device) -> dict[str, object]:
    """Return the versions, hardware and command that a run's numbers depend on."""
    hardware = torch.cuda.get_device_name(device) if device.type == "cuda" else platform.machine()
    return {
        "ganspec": VERSION,
        "torch": torch.__version__,
        "python": platform.python_version(),
        "device": device.type,
        "hardware": hardware,
        "threads": torch.get_num_threads(),
        "command": sys.argv,
    }
