"""Choose the precision and speedups of a training: those asked for, or the fastest measured."""

from __future__ import annotations

import gc
import os
import shutil
import sys
import time
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

import torch
import torch.nn.functional as F

from ganspec.runs.run import RunError
from ganspec.systems.execution import PRECISIONS, SPEEDUPS, Execution
from ganspec.systems.training import Training

AUTO = "auto"
WORTH = 200  # fewest steps of a training for which measuring is worth its time
# by type of device, first steps that are not timed: caches warm up, and a GPU records a step; on
# devices of other types nothing is measured
WARM = {"cpu": 1, "cuda": 4}
MIN_STEPS, MIN_SECONDS = 2, 1.0  # fewest steps and least time of one measurement
MARGIN = 0.97  # another execution is chosen if its steps take less than this share of the time
CXX = {"darwin": "clang++", "win32": "cl"}  # C++ compilers by system; on any other, it is g++
COMPILE_SECONDS = 1200.0  # compiling is tried if a training is estimated to take longer


@dataclass(frozen=True)
class ExecutionRequest:
    """The execution that a user asks for.

    `precision` is None for the device's default, and `auto` to measure which is fastest. `speedups`
    is None to measure which are fastest, and () for none.
    """

    device: torch.device
    precision: str | None = None
    speedups: tuple[str, ...] | None = None
    records: bool = True  # False to try no `graphs`, which might not repeat a user's own code

    @property
    def execution(self) -> Execution:
        """The execution that is asked for, with defaults in place of what is to be measured."""
        precision = self.precision
        if precision is None or precision == AUTO:
            precision = default_precision(self.device)
        return Execution(precision, self.speedups or ())

    @property
    def is_open(self) -> bool:
        """True if the request leaves the precision or the speedups to measurement."""
        return self.speedups is None or self.precision == AUTO

    def is_measured(self, steps: int) -> bool:
        """Return True if executions are measured for a training of `steps` steps."""
        return self.is_open and steps >= WORTH and self.device.type in WARM


def read_request(
    precision: str | None, speedups: Iterable[str] | str, exact: bool, device: torch.device
) -> ExecutionRequest:
    """Return the request for a precision and speedups; `auto` asks for the fastest as measured.

    `precision` is None for the device's default. `speedups` are names, or one text of names and
    commas; `none` stands for no speedups. With `exact`, the request is for the device's default
    precision without speedups. Raises RunError if names are unknown or contradict each other or
    `exact`, or if the machine or `device` lacks what a precision or a speedup needs.
    """
    if not isinstance(speedups, Iterable):
        raise RunError(f"speedups is {speedups!r}: use auto, none, or names of speedups")
    listed = speedups.split(",") if isinstance(speedups, str) else speedups
    names = [str(name).strip() for name in listed]
    chosen = None if names == [AUTO] else tuple(s for s in SPEEDUPS if s in names)
    if unknown := [n for n in names if n not in (*SPEEDUPS, AUTO, "none")]:
        raise RunError(
            f"no speedup is called `{unknown[0]}`: use {', '.join(SPEEDUPS)}, auto or none"
        )
    if len(names) > 1 and not {AUTO, "none"}.isdisjoint(names):
        raise RunError(f"`{','.join(names)}` says two things: use auto, none, or names of speedups")
    if precision not in (None, AUTO, *PRECISIONS):
        raise RunError(f"no precision is called `{precision}`: use {', '.join(PRECISIONS)} or auto")
    if exact:
        if precision not in (None, default_precision(device)) or chosen:
            message = "an exact training computes as the emitted file does"
            raise RunError(f"{message}: leave out --exact, or precision and speedups")
        return ExecutionRequest(device, None, ())
    _require_able(precision, chosen or (), device)
    return ExecutionRequest(device, precision, chosen)


def _require_able(precision: str | None, speedups: tuple[str, ...], device: torch.device) -> None:
    """Raise RunError if the machine or `device` lacks what `precision` or `speedups` need."""
    if "compile" in speedups and (compiler := missing_compiler(device)):
        message = f"compile needs a compiler, and there is no {compiler} on the PATH"
        raise RunError(f"{message}: install it, or leave out `compile`")
    if device.type != "cuda":
        if precision == "fp16":
            raise RunError("fp16 needs a CUDA GPU: use bf16 or fp32")
        if precision == "tf32":
            raise RunError("tf32 needs a CUDA GPU: use fp32")
        if "graphs" in speedups:
            raise RunError("graphs need a CUDA GPU, which records steps: leave out `graphs`")
    elif precision == "tf32" and not has_tf32(device):
        raise RunError("this GPU is older than tf32 (NVIDIA's Ampere): use fp32")


def missing_compiler(device: torch.device) -> str | None:
    """Return the compiler that torch.compile needs and this machine lacks; None if it has one.

    On a CPU torch runs $CXX, or the system's C++ compiler. On a GPU Triton runs $CC, gcc or clang.
    For devices of other types, return None.
    """
    compilers = {"cpu": ("CXX", [CXX.get(sys.platform, "g++")]), "cuda": ("CC", ["gcc", "clang"])}
    if device.type not in compilers:
        return None
    variable, names = compilers[device.type]
    if chosen := os.environ.get(variable):
        names = [chosen]
    return None if any(map(shutil.which, names)) else names[0]


def has_tf32(device: torch.device) -> bool:
    """Return True if `device` is a GPU with tf32: NVIDIA's Ampere, or a later one."""
    return device.type == "cuda" and torch.cuda.get_device_capability(device) >= (8, 0)


def default_precision(device: torch.device) -> str:
    """Return the precision to use if the user names none: tf32 if `device` has it, else fp32."""
    return "tf32" if has_tf32(device) else "fp32"


@dataclass
class Choice:
    """A chosen execution, and the seconds per step of each measured one, by its `str`."""

    execution: Execution
    seconds: dict[str, float] = field(default_factory=dict)

    def record(self) -> dict[str, object]:
        """Return the entries of `run.json` that tell the choice and the measured seconds."""
        measured = {"measured_step_seconds": self.seconds} if self.seconds else {}
        chosen = {"precision": self.execution.precision, "speedups": self.execution.said}
        return {**chosen, **measured}


def choose(
    request: ExecutionRequest,
    make: Callable[[Execution], Training],
    steps: int,
    minutes: float | None = None,
) -> Choice:
    """Choose an execution for a request: the fastest of those that are measured.

    `make` returns a new training under an execution. It is measured and thrown away, so that
    results of the real training depend on the choice alone. `steps` is the number of steps of the
    real training, and `minutes` a limit on its time, None for no limit. The choice is
    `request.execution` if `request.is_measured` returns False, or if no measurement succeeds.
    """
    choice = Choice(request.execution)
    if not request.is_measured(steps):
        return choice

    def try_out(execution: Execution) -> None:
        best = choice.seconds.get(str(choice.execution))
        seconds = measure(make, execution)
        gc.collect()  # frees a training and its recorded step, which refer to each other
        if seconds is not None:
            choice.seconds[str(execution)] = float(f"{seconds:.4g}")
            if best is None or seconds < MARGIN * best:
                choice.execution = execution

    for execution in candidates(request):
        try_out(execution)
        seconds = choice.seconds.get(str(choice.execution), 0)
        # the time limit leaves fewer than WORTH steps
        if minutes is not None and 60 * minutes < WORTH * seconds:
            break
    best = choice.seconds.get(str(choice.execution))
    if best is None or request.speedups is not None:
        return choice
    left = min(steps * best, 60 * (float("inf") if minutes is None else minutes))
    if left > COMPILE_SECONDS:
        speedups = tuple(s for s in SPEEDUPS if s in (*choice.execution.speedups, "compile"))
        try_out(replace(choice.execution, speedups=speedups))
    return choice


def candidates(request: ExecutionRequest) -> list[Execution]:
    """Return the executions to measure first, beginning with `request.execution`.

    They include `compile` only if the request names it.
    """
    device, plain = request.device, request.execution
    precisions = [plain.precision]
    if request.precision == AUTO and has_fast_bf16(device):
        precisions.append("bf16")
    sets: list[tuple[str, ...]] = [plain.speedups]
    if request.speedups is None:
        sets = [(), ("channels_last",)]
        if device.type == "cuda" and request.records:
            sets += [("graphs",), ("channels_last", "graphs")]
    return [Execution(precision, speedups) for precision in precisions for speedups in sets]


def has_fast_bf16(device: torch.device) -> bool:
    """Return True if a small convolution takes less than twice as long in bf16 as in fp32.

    On a CPU without instructions for bf16, it takes 30 times as long.
    """
    x, kernel = (torch.ones(size, device=device) for size in ((16, 64, 16, 16), (64, 64, 3, 3)))
    seconds = {}
    for dtype in (torch.float32, torch.bfloat16):
        image, weight = x.to(dtype), kernel.to(dtype)
        times = []
        for _ in range(5):
            started = _now(device)
            F.conv2d(image, weight)
            times.append(_now(device) - started)
        seconds[dtype] = min(times)
    return seconds[torch.bfloat16] < 2 * seconds[torch.float32]


def measure(make: Callable[[Execution], Training], execution: Execution) -> float | None:
    """Return the seconds per step of a new training under `execution`.

    Return None if `make` or a step fails, or if steps cannot be recorded for `graphs`.
    """
    try:
        with warnings.catch_warnings(action="ignore"):  # the real training shows its own
            training = make(execution)
            training.step = training.warmup  # iterations of a warm-up do less
            for _ in range(WARM[training.device.type]):
                training.make_step()
        if training.replay and not training.replay.works:
            return None
        started, steps = _now(training.device), 0
        while steps < MIN_STEPS or _now(training.device) - started < MIN_SECONDS:
            training.make_step()
            steps += 1
        return (_now(training.device) - started) / steps
    except Exception:  # noqa: BLE001  (if all fail, the real training shows the error)
        return None


def _now(device: torch.device) -> float:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()
