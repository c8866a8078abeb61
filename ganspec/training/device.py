"""The device of a training, and the versions and hardware on which its numbers depend."""

from __future__ import annotations

import ctypes
import platform
import sys
from collections.abc import Callable
from pathlib import Path

import torch

from ganspec.runs.run import RunError
from ganspec.version import VERSION

MAIN = str(Path(__file__).parents[1] / "__main__.py")
LOWER = ("tf32", "bf16", "fp16")  # precisions under which a GPU multiplies fp32 numbers in tf32
# by type of device: the word for it in messages, and a function that counts those of this machine
DEVICES: dict[str, tuple[str, Callable[[], int]]] = {
    "cpu": ("CPU", lambda: 1),
    "cuda": ("CUDA GPU", torch.cuda.device_count),
    "mps": ("Apple GPU", lambda: int(torch.backends.mps.is_available())),
    "xpu": ("Intel GPU", torch.xpu.device_count),
}


def choose_device(name: str | torch.device) -> torch.device:
    """Return the device that is called `name`, such as `cpu`, `cuda:1`, `mps` or `xpu`.

    `auto` is `cuda`, or `cpu` if torch sees no CUDA GPU. Raises RunError if no device has this
    name, or if this machine lacks it.
    """
    name = str(name)
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    kind, colon, index = name.partition(":")
    if kind not in DEVICES or (colon and not index.isdecimal()):
        raise RunError(f"no device is called `{name}`: use auto, cpu, cuda, cuda:1, mps or xpu")
    word, counted = DEVICES[kind]
    count = counted()
    if not count:
        raise RunError(f"torch sees no {word} here: use --device cpu")
    if colon and int(index) >= count:
        last = f"{kind}:{count - 1}"
        raise RunError(
            f"there is no {name} here: use {kind if count == 1 else f'{kind}:0 to {last}'}"
        )
    return torch.device(name)


def prepare(device: torch.device, precision: str | None = None) -> None:
    """Set how this process computes on `device`.

    On a CUDA GPU, cuDNN's results become repeatable bit for bit. Products of fp32 numbers are
    computed in tf32 if `precision` is `tf32`, `bf16` or `fp16`, and in fp32 if it is `fp32`. If it
    is None, convolutions alone are computed in tf32, as torch does by default. On other devices
    under Linux, each step reuses the main memory that the last one freed.
    """
    if device.type == "cuda":
        torch.set_float32_matmul_precision("high" if precision in LOWER else "highest")
        torch.backends.cudnn.allow_tf32 = precision != "fp32"
        # cuDNN's other algorithms may add numbers in another order each time
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
    except (OSError, AttributeError):  # the C library is not glibc
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
        # under `python -m ganspec`, which torchrun's processes run, this is a path to `__main__.py`
        "command": ["ganspec" if each == MAIN else each for each in sys.argv],
    }
