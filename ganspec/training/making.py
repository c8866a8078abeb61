"""Choose the execution of a run's training, and make the training."""

from __future__ import annotations

import warnings
from dataclasses import replace

import torch

from ganspec.compiler.lower import lower
from ganspec.language.kinds import within
from ganspec.progress import say
from ganspec.runs.run import Run, RunError
from ganspec.systems import checkpoint
from ganspec.systems.checkpoint import State
from ganspec.systems.execution import Execution
from ganspec.systems.feed import StreamedImages
from ganspec.systems.ranks import Ranks
from ganspec.systems.spec import Spec
from ganspec.systems.training import Images, Training
from ganspec.training.choosing import (
    AUTO,
    Choice,
    ExecutionRequest,
    choose,
    has_fast_bf16,
    has_tf32,
    missing_compiler,
    read_request,
)
from ganspec.training.device import choose_device
from ganspec.training.options import TrainingOptions
from ganspec.training.trainer import Trainer

ALONE = ("compile", "graphs")  # speedups for one process: steps of several wait for each other


def request_of(
    run: Run, state: State | None, options: TrainingOptions, ranks: Ranks
) -> ExecutionRequest:
    """Return the execution that the options ask for, or that of a resumed run's checkpoint `state`.

    `state` is None for a new run. Raises RunError if the device or several processes cannot use the
    execution, or if the options ask for another one than the checkpoint's.
    """
    device, several = choose_device(options.device), ranks.count > 1
    # for a resumed run, `options.exact` says how the run began, and `_resumed` reads it
    is_exact = options.exact and state is None
    request = read_request(options.precision, options.speedups, is_exact, device)
    if several:
        _require_shared(request)
    if state is not None:
        request = _resumed(run, state, request, options.exact, several)
    elif request.precision == "bf16" and not has_fast_bf16(device):
        warnings.warn("bf16 is far slower than fp32 on this machine: use fp32", stacklevel=2)
    if not several:
        return request
    # nothing is measured, since each step waits for the other processes
    return replace(request, speedups=request.speedups or ())


def _require_shared(request: ExecutionRequest) -> None:
    """Raise RunError for what only one process can do: fp16, precision `auto` and ALONE."""
    if request.precision == AUTO:
        raise RunError("several processes measure no precision: name fp32, tf32 or bf16, not auto")
    if request.precision == "fp16":
        raise RunError("fp16 needs all gradients in one process, and here are several: use bf16")
    if one := set(ALONE) & set(request.speedups or ()):
        raise RunError(f"{min(one)} is for one process: leave it out of --speedups")


def _resumed(
    run: Run, state: State, asked: ExecutionRequest, exact: bool, several: bool
) -> ExecutionRequest:
    """Return the request for resuming `run`: the execution that it began with.

    `asked` is the request of the resuming command. `exact` is True if the run began with --exact.
    Speedups that this machine or `several` processes lack are left out, and tf32 becomes fp32 on a
    device without it. Raises RunError if `asked` names another execution, or if the run's is fp16
    and the device or `several` processes lack it.
    """
    device = asked.device
    with checkpoint.fitting(run.folder):
        began = Execution.parsed(state["execution"])
    for name, mine, other, said in (
        ("precision", began.precision, asked.precision, began.precision),
        ("speedups", began.speedups, asked.speedups, began.said),
    ):
        if other not in (None, AUTO, mine):
            message = f"{run.folder} began with --{name} {said}"
            raise RunError(f"{message}: resume it without --{name}, or begin another")
    if exact:
        return ExecutionRequest(device, None, ())
    precision, left_out = began.precision, ALONE if several else ()
    if several and precision == "fp16":
        raise RunError(f"{run.folder} began with fp16, which is for one process: resume it in one")
    if device.type != "cuda" and precision == "fp16":
        raise RunError(f"{run.folder} began with fp16, which needs a CUDA GPU: resume it on one")
    if precision == "tf32" and not has_tf32(device):
        precision = "fp32"
    if device.type != "cuda":
        left_out = (*left_out, "graphs")
    if missing_compiler(device):
        left_out = (*left_out, "compile")
    speedups = tuple(speedup for speedup in began.speedups if speedup not in left_out)
    return ExecutionRequest(device, precision, speedups)


def choose_for(
    spec: Spec, images: Images, request: ExecutionRequest, options: TrainingOptions, ranks: Ranks
) -> Choice:
    """Return the execution for training `spec` that `choose` chooses, which may measure steps.

    On the first rank, print when it measures and, as `tell` does, what it chose.
    """
    count = len(images.images)
    steps = options.steps or spec.train.length(spec.settings(lower(spec)), count)
    if isinstance(images.images, StreamedImages):  # measure with black images, and read no file
        pixels = torch.zeros(1, *spec.data.shape, dtype=torch.uint8, device=request.device)
        images = replace(images, images=pixels.expand(count, -1, -1, -1), files=None)
    # a user's own kinds may need Python code in every step, and a CUDA graph runs kernels alone
    request = replace(request, records=not any(kind.is_own for kind in within(spec)))

    def make(execution: Execution) -> Training:
        return make_training(spec, images, execution, options)

    if request.is_measured(steps) and ranks.is_first:
        say(f"{spec.name}: measures steps in several ways, to train in the fastest")
    choice = choose(request, make, steps, options.minutes)
    if not options.exact and ranks.is_first:
        tell(spec, choice)
    return choice


def make_training(
    spec: Spec, images: Images, execution: Execution, options: TrainingOptions
) -> Training:
    """Return a new training of `spec`, which computes as `execution` says.

    With `options.exact`, torch's default precision is used in place of the execution's.
    """
    precision = None if options.exact else execution.precision
    trainer = Trainer(
        spec, images, options.device, options.exact, options.steps, precision, execution.speedups
    )
    return trainer.training


def tell(spec: Spec, choice: Choice) -> None:
    """Print the precision and speedups of a training, unless that is fp32 without speedups."""
    if choice.execution == Execution():
        return
    precision, speedups = choice.execution.precision, " and ".join(choice.execution.speedups)
    how = f"{precision} with {speedups}" if speedups else precision
    if seconds := choice.seconds.get(str(choice.execution)):
        how += f", the fastest as measured: {1000 * seconds:.3g} ms a step"
    elif precision == "tf32":
        how += ", which --precision fp32 turns off"
    say(f"{spec.name}: trains in {how}")
