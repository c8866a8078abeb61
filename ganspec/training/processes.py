"""The processes that train one spec together, started by torchrun."""

from __future__ import annotations

import os
import platform
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import torch
import torch.distributed as dist

from ganspec.language.errors import GanspecError, UnshownError, one_line
from ganspec.progress import quieted
from ganspec.runs.run import Run, RunError
from ganspec.systems.ranks import RankLostError, Ranks
from ganspec.training.stop import restarts, restarts_left

# The longest wait for another process. It is long, since the first process may be measuring scores.
# A lost process is noticed at once, as its connections close.
PATIENCE = timedelta(days=7)


@contextmanager
def joined(device: str) -> Iterator[Ranks]:
    """Within the block, join the processes that torchrun started. Yield their ranks.

    Without torchrun, yield the ranks of this process alone. If the program has joined the processes
    already, its process group is used and left open. Raises what `_choose_gpu` raises, and RunError
    if the processes cannot reach each other.
    """
    is_alone = "RANK" not in os.environ or os.environ.get("WORLD_SIZE", "1") == "1"
    if is_alone or dist.is_initialized():
        yield Ranks.joined()
        return
    on_gpu = device.startswith("cuda") or (device == "auto" and torch.cuda.is_available())
    if on_gpu:
        _choose_gpu(device)
    try:
        store, rank, count = next(dist.rendezvous("env://"))
        # a new name for each start, since the store still has the addresses of lost processes
        store = dist.PrefixStore(f"start {restarts()}", store)
        backend = "cpu:gloo,cuda:nccl" if on_gpu else "gloo"
        dist.init_process_group(backend, store=store, rank=rank, world_size=count, timeout=PATIENCE)
    except (RuntimeError, ValueError) as error:
        raise RunError(f"the processes cannot reach each other: {one_line(error)}") from error
    ranks = Ranks.joined()
    with warnings.catch_warnings(), quieted(not ranks.is_first):
        if not ranks.is_first:  # the first process shows the same warnings
            warnings.simplefilter("ignore")
        yield ranks
    # not after an error: this would wait for processes that may be lost
    dist.destroy_process_group()


def _choose_gpu(device: str) -> None:
    """Use the GPU whose number is this process's number on its machine.

    Raises RunError in the first process of the machine, and UnshownError in the others, if there
    are too few GPUs, or if `device` names one GPU for several processes.
    """
    number, count = int(os.environ.get("LOCAL_RANK", "0")), torch.cuda.device_count()
    needed = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    error = RunError if number == 0 else UnshownError
    if needed > count:
        message = f"{needed} processes on one machine need as many GPUs, and here are {count}"
        raise error(f"{message}: start fewer, or use --device cpu")
    if needed > 1 and ":" in device:
        message = f"--device {device} is one GPU, and each process needs a GPU of its own"
        raise error(f"{message}: use --device cuda")
    torch.cuda.set_device(number)


@contextmanager
def told_once(ranks: Ranks, run: Run) -> Iterator[None]:
    """Within the block, change each GanspecError so that it is shown once.

    On a rank other than the first it becomes a RunError with the number of the rank, unless it is
    an UnshownError. If a process is lost, the first rank raises RunError, which says what to do,
    and the others UnshownError, which is not shown.
    """
    try:
        yield
    except RankLostError as error:
        message = "another process of the training was lost"
        if not ranks.is_first:
            raise UnshownError(message) from error
        if restarts_left() > 0:
            raise RunError(f"{message}: all are started again") from error
        raise RunError(with_remedy(message, run)) from error
    except UnshownError:
        raise
    except GanspecError as error:
        if ranks.is_first:
            raise
        raise RunError(f"on rank {ranks.index}: {error}") from error


def with_remedy(message: str, run: Run | None) -> str:
    """Return `message`, which says that a process was lost, with what to do next.

    `run` is the run that the processes train, None if they do something else.
    """
    if run is None:
        return f"{message}: run the command again"
    if run.checkpoint_path.is_file():
        return f"{message}: go on from the last checkpoint with --resume"
    return f"{message} before the first checkpoint: begin again with --overwrite"


def is_restarted(run: Run) -> bool:
    """Return True if torchrun has restarted these processes, which were training `run` before."""
    return restarts() > 0 and run.info().get("launch") == launch_name()


def launch_name() -> str | None:
    """Return a name of this launch of torchrun, the same after restarts. None without torchrun."""
    name = os.environ.get("TORCHELASTIC_RUN_ID")
    return name and f"{name} {platform.node()} {os.getppid()}"
